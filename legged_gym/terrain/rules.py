"""When a robot on a course has fallen or steps on an edge: in training, evaluation and sim2sim. Metres, radians."""

FOOT_RIM = 0.03  # how far beside a foot's centre an edge may still carry it
EDGE_REACH = EDGE_DROP = 0.05  # a foot is on an edge if within the one the ground drops by more than the other
MAX_TILT = 1.5  # of roll or pitch, beyond which a robot has fallen
LOWEST_BASE = -0.25  # height of the base over the start, below which it has fallen
PIT = -0.1  # a plane below this is the floor of a pit
ON_FLOOR = 0.05  # a foot's centre lower than this over the floor of a pit stands on it
FEET_IN_PIT = 3  # that stand on the floor of a pit when a robot has fallen into it
