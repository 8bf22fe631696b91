"""From a script to a clip: inverse kinematics of the feet and the centre of mass, in a few passes.

Each pass moves the centre of mass so that the ground pushes where the script has the weight, solves the joints, and
finds by inverse dynamics where it would have to push: the next pass corrects the difference.
"""

from dataclasses import dataclass
from typing import Any

import mink
import mujoco
import numpy as np

from legged_gym.motion.author import balance
from legged_gym.motion.author.curves import curve
from legged_gym.motion.author.script import LEFT, RIGHT, FootTracks, Script, Sitting, foot_tracks, sitting
from legged_gym.motion.clip import Clip, velocities
from legged_gym.motion.quaternions import Array, exponential, from_euler_xyz, multiply, unwrap
from legged_gym.motion.skeleton import Skeleton
from legged_gym.robots.robot import Robot
from legged_gym.robots.spec import RobotSpec

PASSES = 4
_ROUNDS = 3  # of the solver in each frame
_LONGEST = 0.2  # rad or m that it goes in one of them
_FEET = ("left_ankle_roll_link", "right_ankle_roll_link")
_TORSO = "torso_link"
_MARGIN = 0.02  # rad that joints keep from their limits
_FIRM, _FREE = 20.0, 0.5  # cost of a foot's roll when it stands, and in the air: ankles have little of it
_CORRECTS = 0.2  # m that the weight is put elsewhere at most, for the ground to push where it should
_AHEAD = 0.6  # s before it steps down that the robot is as low
_LEG = 0.63  # m from hip to ankle that legs are stretched to; straight ones have 0.65
_COM_TO_HIP = np.array([[-0.03, 0.1185, -0.015], [-0.03, -0.1185, -0.015]])  # m, standing
_SLOW, _SMOOTHED = 20, 8  # frames before and after, over which heights of the ground and of the centre of mass change


def _smoothed(values: Array, half: int = 3) -> Array:
    """(T, K) averaged over `half` frames before and after."""
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, window / window.sum(), mode="valid") for column in padded.T], 1)


@dataclass(frozen=True)
class Quality:
    """How well a clip was made."""

    feet_error: float  # m, largest
    com_error: float  # m, largest
    push_error: tuple[float, ...]  # m, root mean square in each pass
    bad_frames: float  # share whose wrench the soles cannot make
    worst_missing: float  # N
    friction: float  # that the wrench needs, largest
    torque: float  # share of its limit, largest
    torque_joint: str
    self_contact: float  # m that its links reach into each other, largest
    self_links: str

    def __str__(self) -> str:
        passes = " ".join(f"{1000 * error:.0f}" for error in self.push_error)
        touch = f", {self.self_links} {1000 * self.self_contact:.0f} mm in each other" if self.self_links else ""
        return (
            f"feet {1000 * self.feet_error:.1f} mm, centre of mass {1000 * self.com_error:.0f} mm, push {passes} mm, "
            f"wrench missing in {self.bad_frames:.1%} (to {self.worst_missing:.0f} N), friction {self.friction:.2f}, "
            f"torque {self.torque:.2f} ({self.torque_joint}){touch}"
        )


class Author:
    """Makes clips of the humanoid `spec`, whose facts are `robot`."""

    rate = 50.0

    def __init__(self, spec: RobotSpec, robot: Robot):
        self.spec, self.pairs, self.skeleton = spec, robot.self_collision_pairs, Skeleton(spec)
        self.model = self.skeleton.model
        self.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT  # forces come from the ground alone
        names = self.skeleton.joint_names
        self.pose = np.array([robot.default_pose.get(name, 0.0) for name in names])
        self.limits = np.array([self.model.actuator_forcerange[i, 1] for i in range(len(names))])
        for i, name in enumerate(names):  # inside the robot's own, and away from straight knees
            low, high = self.skeleton.joint_limits[i]
            self.model.joint(name).range = (0.15 if "knee" in name else low + _MARGIN, high - _MARGIN)
        self._tasks()

    def _tasks(self) -> None:
        model = self.model
        self.configuration = mink.Configuration(model)
        self.feet = [mink.FrameTask(name, "body", 50.0, _FIRM, lm_damping=1e-4) for name in _FEET]
        self.com = mink.ComTask(20.0)
        self.torso = mink.FrameTask(_TORSO, "body", 0.0, 3.0)
        self.pelvis = mink.FrameTask(self.skeleton.body_names[0], "body", 0.0, 1.0)
        cost = np.full(model.nv, 0.02)
        cost[:6] = 0.0
        for i, name in enumerate(self.skeleton.joint_names):
            if any(part in name for part in ("shoulder", "elbow", "wrist")):
                cost[6 + i] = 0.5
        self.posture = mink.PostureTask(model, cost)
        self.limit = mink.ConfigurationLimit(model, gain=0.95)

    def make(self, script: Script) -> tuple[Clip, Quality]:
        """The clip, and how well it was made."""
        times = np.arange(round(script.seconds * self.rate) + 1) / self.rate
        tracks = foot_tracks(script, times)
        postures = self._postures(script, times)
        level = tracks.target[:, 2]
        com_z = (self._com_by_reach if script.by_reach else self._com_height)(script, times, tracks)
        up = np.gradient(np.gradient(com_z, 1 / self.rate), 1 / self.rate)
        height = (com_z - level) / (balance.GRAVITY + up)
        correction, errors, seat = np.zeros((len(times), 2)), [], sitting(script, times)
        for _ in range(PASSES):
            xy = balance.com_track(tracks.target[:, :2] + correction, height, self.rate)
            com = np.concatenate([xy, com_z[:, None]], 1)
            qpos, feet_error, com_error = self._solve(script, times, tracks, com, postures)
            wrench, _ = balance.root_wrench(self.model, qpos, self.rate)
            error = tracks.target[:, :2] - balance.push_point(wrench, qpos[:, :3], level)
            if seat is not None:  # what it pushes there is not asked for
                error[:, 0] *= 1.0 - seat.led
            errors.append(float(np.sqrt((error[2:-2] ** 2).mean())))
            correction = np.clip(correction + 0.8 * _smoothed(error, 1), -_CORRECTS, _CORRECTS)
        boxes = np.array(script.boxes, np.float64).reshape(-1, 10)
        clip = Clip(
            script.name,
            self.rate,
            qpos,
            velocities(qpos, self.rate),
            tracks.contacts,
            self.skeleton.joint_names,
            boxes,
            format="legged_gym npz",
        )
        return clip, self._quality(clip, tracks, feet_error, com_error, errors)

    # -- targets ------------------------------------------------------------------------------------------------------
    def _postures(self, script: Script, times: Array) -> Array:
        """(T, J) rad that joints without a task tend to."""
        out = np.tile(self.pose, (len(times), 1))
        for name, knots in script.joints.items():
            i = self.skeleton.joint_names.index(f"{name}_joint")
            out[:, i] = curve(knots, times)
        return out

    def _com_height(self, script: Script, times: Array, tracks: FootTracks) -> Array:
        """(T,) m: that of the standing pose over the lowest of the next moments' weighted height of the feet, less the
        crouch, smoothed."""
        window = round(_AHEAD * self.rate)
        level = np.pad(tracks.target[:, 2], (0, window), mode="edge")
        level = np.lib.stride_tricks.sliding_window_view(level, window + 1).min(1)
        crouch = curve(script.crouch or [(0.0, 0.0)], times)
        return self.standing_com() - crouch + _smoothed(level[:, None], 15)[:, 0]

    def _com_by_reach(self, script: Script, times: Array, tracks: FootTracks) -> Array:
        """(T,) m: that of the standing pose over the weighted height of the feet, less the crouch, and low enough for
        both hips to be within a leg's length of their ankles; smoothed."""
        standing = self.standing_com()
        height = standing - curve(script.crouch or [(0.0, 0.0)], times) + _smoothed(tracks.target[:, 2:], _SLOW)[:, 0]
        xy = balance.com_track(tracks.target[:, :2], np.full(len(times), standing / balance.GRAVITY), self.rate)
        for foot in (LEFT, RIGHT):
            hip = xy + _COM_TO_HIP[foot, :2]
            apart = np.linalg.norm(hip - tracks.pos[:, foot, :2], axis=1)
            reached = tracks.pos[:, foot, 2] + np.sqrt(np.maximum(_LEG**2 - apart**2, 0.0))
            height = np.minimum(height, reached - _COM_TO_HIP[foot, 2])
        padded = np.pad(height, _SMOOTHED, mode="edge")
        lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * _SMOOTHED + 1).min(1)
        return _smoothed(lowest[:, None], _SMOOTHED)[:, 0]

    def standing_com(self) -> float:
        """m over flat soles, in the standing pose."""
        data = mujoco.MjData(self.model)
        data.qpos[:7] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
        data.qpos[7:] = self.pose
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_comPos(self.model, data)
        return float(data.subtree_com[1, 2] - data.body(_FEET[0]).xpos[2] + 0.035)

    # -- inverse kinematics -------------------------------------------------------------------------------------------
    def _solve(
        self, script: Script, times: Array, tracks: FootTracks, com: Array, postures: Array
    ) -> tuple[Array, float, float]:
        turned = np.unwrap(tracks.yaw, axis=0).mean(1)

        def oriented(pitch: Any, roll: Any, yaw: Any) -> Array:
            angles = [curve(knots or [(0.0, 0.0)], times) for knots in (roll, pitch, yaw)]
            heading = exponential(turned[:, None] * np.array([0.0, 0.0, 1.0]))
            return multiply(heading, from_euler_xyz(np.stack(angles, 1)))

        torso = oriented(script.lean, script.sway, script.twist)
        pelvis = oriented(script.pelvis_pitch, (), ())
        configuration, tasks = self.configuration, [*self.feet, self.com, self.torso, self.pelvis, self.posture]
        start = np.concatenate([com[0] + [0.0, 0.0, 0.09], pelvis[0], postures[0]])
        configuration.update(start)
        firm = _FREE + (_FIRM - _FREE) * _smoothed(_smoothed(tracks.contacts.astype(float), 4), 4)
        firm[tracks.contacts] = _FIRM
        seat, stood = sitting(script, times), np.zeros(3)
        out, worst = np.zeros((len(times), len(start))), np.zeros(2)
        for t in range(len(times)):
            for foot, task in enumerate(self.feet):
                task.set_target(mink.SE3(np.concatenate([tracks.quat[t, foot], tracks.pos[t, foot]])))
                task.set_orientation_cost([firm[t, foot], firm[t, foot], _FIRM])
            self.torso.set_target(mink.SE3(np.concatenate([torso[t], np.zeros(3)])))
            stood = stood if seat is None or seat.led[t] > 0.0 else configuration.q[:3].copy()
            self._lead(seat, t, stood, pelvis[t])
            self.com.set_target(com[t])
            self.posture.set_target(np.concatenate([start[:7], postures[t]]))
            for _ in range(60 if t == 0 else _ROUNDS):
                velocity = mink.solve_ik(configuration, tasks, 1.0, "daqp", damping=1e-6, limits=[self.limit])
                configuration.integrate_inplace(velocity * min(1.0, _LONGEST / np.abs(velocity).max()), 1.0)
            out[t] = configuration.q
            feet = max(np.linalg.norm(task.compute_error(configuration)[:3]) for task in self.feet)
            com_error = 0.0 if seat is not None and seat.led[t] > 0.0 else self.com.compute_error(configuration)
            worst = np.maximum(worst, [feet, np.linalg.norm(com_error)])
        out[:, 3:7] = unwrap(out[:, 3:7])
        return out, float(worst[0]), float(worst[1])

    def _lead(self, seat: Sitting | None, t: int, stood: Array, orientation: Array) -> None:
        """The pelvis' target in frame `t`, on its way to a seat from where it `stood` (3,), if there is one.

        On the way the script's lean has to keep the centre of mass over the feet, until the seat carries it.
        """
        place, led = stood, 0.0
        if seat is not None:
            led = seat.led[t]
            there = np.array([seat.place[0], stood[1], seat.place[1]])
            place = stood + seat.down[t] * (there - stood)
        self.pelvis.set_target(mink.SE3(np.concatenate([orientation, place])))
        self.pelvis.set_position_cost([30.0 * led, 0.0, 30.0 * led])
        self.com.set_cost([20.0 * (1.0 - led), 20.0, 20.0 * (1.0 - led)])

    # -- quality ------------------------------------------------------------------------------------------------------
    def _quality(
        self, clip: Clip, tracks: FootTracks, feet_error: float, com_error: float, errors: list[float]
    ) -> Quality:
        qpos = clip.qpos
        wrench, torques = balance.root_wrench(self.model, qpos, self.rate)
        points = balance.supports(clip, self.skeleton)
        missing, friction = balance.missing_force(wrench, qpos[:, :3], points)
        inside = slice(2, -2)
        share = self._torques(wrench, torques, qpos, tracks)[inside] / self.limits
        worst = np.abs(share).max(0)
        return Quality(
            feet_error,
            com_error,
            tuple(errors),
            float((missing[inside] > balance.BAD).mean()),
            float(missing[inside].max()),
            float(friction[inside].max()),
            float(worst.max()),
            self.skeleton.joint_names[int(worst.argmax())],
            *balance.self_contact(self.spec, self.pairs, clip),
        )

    def _torques(self, wrench: Array, torques: Array, qpos: Array, tracks: FootTracks) -> Array:
        """(T, J) N·m, with the ground's push at the feet, shared as the script has the weight."""
        data, model = mujoco.MjData(self.model), self.model
        out, jacobian = torques.copy(), np.zeros((3, model.nv))
        ids = [model.body(name).id for name in _FEET]
        for t in range(len(qpos)):
            data.qpos[:] = qpos[t]
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            for foot, share in ((LEFT, tracks.load[t]), (RIGHT, 1.0 - tracks.load[t])):
                mujoco.mj_jac(model, data, jacobian, None, tracks.centre[t, foot], ids[foot])
                out[t] -= share * (jacobian[:, 6:].T @ wrench[t, :3])
        return out
