"""Unitree Go2."""

from legged_gym import RESOURCES_DIR
from legged_gym.robots.robot import Mount, Robot, Sdk, register_robot

GO2 = register_robot(
    Robot(
        name="go2",
        source=RESOURCES_DIR / "robots" / "go2" / "go2.xml",
        feet="foot",
        default_pose={
            f"{leg}_{joint}_joint": angle
            for leg, side, front in (("FL", 1, 1), ("FR", -1, 1), ("RL", 1, 0), ("RR", -1, 0))
            for joint, angle in (("hip", 0.1 * side), ("thigh", 0.8 if front else 1.0), ("calf", -1.5))
        },
        start_height=0.34,
        stiffness={"joint": 25.0},
        damping={"joint": 0.6},
        no_load_speed={"hip": 30.1, "thigh": 30.1, "calf": 15.7},
        sdk=Sdk(
            "unitree_sdk2",
            tuple(f"{leg}_{joint}_joint" for leg in ("FR", "FL", "RR", "RL") for joint in ("hip", "thigh", "calf")),
        ),
        # Isaaclab_Parkour's place of a D435 on the head
        mounts={"head": Mount(position=(0.33, 0.0, 0.08), pitch_degrees=20.0)},
    )
)
