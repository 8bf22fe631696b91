"""Constants of gymapi. Values are Isaac Gym's where code is known to pass bare numbers (DOF modes, axes)."""

from enum import IntEnum


class SimType(IntEnum):
    SIM_PHYSX = 0
    SIM_FLEX = 1


class UpAxis(IntEnum):
    UP_AXIS_Y = 0
    UP_AXIS_Z = 1


class DofDriveMode(IntEnum):
    DOF_MODE_NONE = 0
    DOF_MODE_POS = 1
    DOF_MODE_VEL = 2
    DOF_MODE_EFFORT = 3


class DofType(IntEnum):
    DOF_INVALID = 0
    DOF_ROTATION = 1
    DOF_TRANSLATION = 2


class JointType(IntEnum):
    JOINT_INVALID = 0
    JOINT_FIXED = 1
    JOINT_REVOLUTE = 2
    JOINT_PRISMATIC = 3
    JOINT_BALL = 4
    JOINT_PLANAR = 5
    JOINT_FLOATING = 6


class StateFlag(IntEnum):
    STATE_NONE = 0
    STATE_POS = 1
    STATE_VEL = 2
    STATE_ALL = 3


class ImageType(IntEnum):
    IMAGE_COLOR = 0
    IMAGE_DEPTH = 1
    IMAGE_SEGMENTATION = 2
    IMAGE_OPTICAL_FLOW = 3


class MeshType(IntEnum):
    MESH_NONE = 0
    MESH_COLLISION = 1
    MESH_VISUAL = 2
    MESH_VISUAL_AND_COLLISION = 3


class CameraFollowMode(IntEnum):
    FOLLOW_POSITION = 0
    FOLLOW_TRANSFORM = 1


class CoordinateSpace(IntEnum):
    ENV_SPACE = 0
    LOCAL_SPACE = 1
    GLOBAL_SPACE = 2


class IndexDomain(IntEnum):
    DOMAIN_ACTOR = 0
    DOMAIN_ENV = 1
    DOMAIN_SIM = 2


class ContactCollection(IntEnum):
    CC_NEVER = 0
    CC_LAST_SUBSTEP = 1
    CC_ALL_SUBSTEPS = 2


class ActuatorType(IntEnum):
    ACTUATOR_MOTOR = 0
    ACTUATOR_POSITION = 1
    ACTUATOR_VELOCITY = 2
    ACTUATOR_OTHER = 3


class KeyboardInput(str):
    """A key of the keyboard, or a button of the mouse, by its name: `gymapi.KEY_ESCAPE` is "KEY_ESCAPE"."""


INVALID_HANDLE = -1
DEFAULT_VIEWER_WIDTH, DEFAULT_VIEWER_HEIGHT = 1600, 900
RIGID_BODY_NONE, RIGID_BODY_DISABLE_GRAVITY, RIGID_BODY_DISABLE_SIMULATION = 0, 1, 2

ENUMS = (
    SimType, UpAxis, DofDriveMode, DofType, JointType, StateFlag, ImageType, MeshType, CameraFollowMode,
    CoordinateSpace, IndexDomain, ContactCollection, ActuatorType,
)  # fmt: skip
