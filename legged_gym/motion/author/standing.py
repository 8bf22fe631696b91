"""Clips on the spot: looking, squatting, gestures, sitting, a dance, on one leg."""

from collections.abc import Mapping

import numpy as np

from legged_gym.motion.author.gestures import Gestures
from legged_gym.motion.author.script import FEET_APART, LEFT, RIGHT, Place, Script, Step
from legged_gym.motion.author.walking import level_box

Pose = Mapping[str, float]
BEAT = 0.6  # s of the dance: 100 in a minute


def there_and_back(begin: float, reach: float, leave: float, end: float, value: float) -> list[tuple[float, float]]:
    """From 0 to `value` and to 0 again."""
    return [(begin, 0.0), (reach, value), (leave, value), (end, 0.0)]


def standing(pose: Pose) -> list[Script]:
    """All of them."""
    sits = [sit(pose, 0.40, 0.1565, 0.03), sit(pose, 0.45, 0.166, 0.03)]
    return [
        *(look(pose), squat(pose), deep_crouch(pose)), *gestures(pose), *sits, dance(pose), balance(pose), kick(pose),
    ]  # fmt: skip


def look(pose: Pose) -> Script:
    """Weight from foot to foot, and around by the waist."""
    load = [(0.5, 0.5), (2.0, 0.85), (3.0, 0.85), (5.0, 0.15), (6.0, 0.15), (7.5, 0.5)]
    twist = [(0.8, 0.0), (2.2, 0.6), (3.0, 0.6), (5.2, -0.6), (6.0, -0.6), (7.5, 0.0)]
    lean = [(7.5, 0.0), (8.5, 0.25), (9.0, 0.25), (10.0, -0.1), (11.0, 0.0)]
    sway = [(2.0, 0.0), (3.0, -0.1), (5.0, 0.1), (7.0, 0.0)]
    return Script("stand_look", 11.6, load=load, twist=twist, lean=lean, sway=sway)


def squat(pose: Pose) -> Script:
    """Twice, with the arms ahead."""
    crouch, lean, arms = [(0.0, 0.0)], [(0.0, 0.0)], Gestures(pose)
    for begin in (0.8, 4.6):
        crouch += there_and_back(begin, begin + 1.5, begin + 1.9, begin + 3.4, 0.22)
        lean += there_and_back(begin, begin + 1.5, begin + 1.9, begin + 3.4, 0.45)
        arms.both(begin, begin + 1.5, shoulder_pitch=-1.2, elbow=1.2).back(begin + 1.9, begin + 3.4)
    pelvis = [(t, 0.8 * a) for t, a in lean]
    return Script("squat", 8.8, crouch=crouch, lean=lean, pelvis_pitch=pelvis, joints=arms.knots)


def deep_crouch(pose: Pose) -> Script:
    """Low, for a while, looking to both sides."""
    crouch = there_and_back(0.8, 2.8, 6.4, 8.4, 0.27)
    lean = there_and_back(0.8, 2.8, 6.4, 8.4, 0.6)
    twist = [(3.0, 0.0), (3.8, 0.35), (4.4, 0.35), (5.4, -0.35), (5.8, -0.35), (6.4, 0.0)]
    arms = Gestures(pose).both(0.8, 2.8, shoulder_pitch=-0.7, elbow=0.9).back(6.4, 8.4)
    pelvis = [(t, 0.9 * a) for t, a in lean]
    return Script("deep_crouch", 9.2, crouch=crouch, lean=lean, pelvis_pitch=pelvis, twist=twist, joints=arms.knots)


def gestures(pose: Pose) -> list[Script]:
    """Waving, pointing, bowing, clapping."""
    wave = Gestures(pose).move(0.6, 1.6, right_shoulder_pitch=-1.4, right_shoulder_roll=-1.2, right_elbow=0.1)
    for k in range(4):
        begin = 1.6 + 0.8 * k
        wave.move(begin, begin + 0.4, right_shoulder_yaw=-0.5).move(begin + 0.4, begin + 0.8, right_shoulder_yaw=0.4)
    wave.back(5.0, 6.2)
    point = Gestures(pose).move(0.6, 1.6, right_shoulder_pitch=-1.35, right_elbow=1.45, right_shoulder_roll=-0.1)
    point.move(2.6, 3.6, right_shoulder_roll=-0.6).back(4.6, 5.8)
    bow = Gestures(pose).both(0.6, 1.8, shoulder_pitch=0.1, shoulder_roll=0.12, elbow=1.1).back(3.0, 4.4)
    clap = Gestures(pose).both(0.6, 1.6, shoulder_pitch=-0.75, elbow=0.35, shoulder_roll=0.12)
    for k in range(6):
        begin = 1.6 + 0.5 * k
        clap.both(begin, begin + 0.25, shoulder_yaw=-0.15).both(begin + 0.25, begin + 0.5, shoulder_yaw=0.2)
    clap.back(4.6, 5.8)
    down = there_and_back(0.6, 1.8, 3.0, 4.4, 0.75)
    aside = [(0.6, 0.0), (1.6, 0.3), (2.6, 0.3), (3.6, -0.4), (4.6, -0.4), (5.8, 0.0)]
    return [
        Script("wave", 6.8, joints=wave.knots, sway=there_and_back(0.6, 1.6, 5.0, 6.2, 0.06)),
        Script("point", 6.4, joints=point.knots, twist=aside),
        Script("bow", 5.2, joints=bow.knots, lean=down, pelvis_pitch=[(t, 0.6 * a) for t, a in down]),
        Script("clap", 6.4, joints=clap.knots),
    ]  # fmt: skip


def sit(pose: Pose, height: float, over: float, edge: float) -> Script:
    """Down on to a box behind, some rest, and up again.

    `over`, `edge`: m of the pelvis over the seat when the thighs touch it, and behind its front edge.
    """
    sat = (-0.18, height + over)
    arms = Gestures(pose).both(0.8, 2.8, shoulder_pitch=-1.0, elbow=1.0, shoulder_roll=0.3)
    arms.both(3.6, 4.6, shoulder_pitch=-0.25, elbow=0.5)
    arms.both(5.8, 6.8, shoulder_pitch=-1.0, elbow=1.0).back(7.6, 9.4)

    def bent(most: float) -> list[tuple[float, float]]:
        return [(0.8, 0.0), (2.7, most), (3.4, most), (4.4, 0.25), (5.6, 0.25), (6.6, most), (7.3, most), (9.2, 0.0)]

    return Script(
        f"sit_{round(100 * height)}cm",
        10.4,
        boxes=[level_box(-0.60, sat[0] + edge, height, 0.6)],
        pelvis=[(0.8, None), (3.2, sat), (6.8, sat), (9.2, None)],
        lean=bent(1.0),
        pelvis_pitch=bent(0.6),
        joints=arms.knots,
    )


def dance(pose: Pose) -> Script:
    """Side steps, swaying hips and arms on a grid of beats."""
    steps, at = [], {LEFT: FEET_APART, RIGHT: -FEET_APART}
    for bar, sign in enumerate((1.0, -1.0, 1.0, -1.0)):  # two steps to a side, each closed
        for k in range(4):
            foot = (LEFT if sign > 0 else RIGHT) if k % 2 == 0 else (RIGHT if sign > 0 else LEFT)
            at[foot] += sign * 0.13
            begin = (6 + 5 * bar + k) * BEAT
            steps.append(Step(foot, Place(0.0, at[foot]), begin, begin + 0.75 * BEAT, 0.05))
    count = 34
    beats = BEAT * np.arange(count + 1)
    bounce = [(t, 0.05 if k % 2 else 0.025) if 1 < k < count - 2 else (t, 0.0) for k, t in enumerate(beats)]
    quiet = (1, count - 2)
    sway = [(t, 0.1 * (-1) ** k if quiet[0] < k < quiet[1] else 0.0) for k, t in enumerate(beats)]
    twist = [(t, 0.3 * (-1) ** (k // 2) if quiet[0] < k < quiet[1] else 0.0) for k, t in enumerate(beats)]
    arms = Gestures(pose)
    phrase = (
        {"shoulder_pitch": -0.4, "shoulder_roll": 0.5, "elbow": 0.0},
        {"shoulder_pitch": -1.3, "shoulder_roll": 0.9, "elbow": 0.2},
        {"shoulder_pitch": -2.2, "shoulder_roll": 0.6, "elbow": 0.4},
        {"shoulder_pitch": -1.3, "shoulder_roll": 0.9, "elbow": 0.2},
    )
    for k in range(2, 28):
        begin = k * BEAT
        if k < 14 or k >= 22:
            arms.both(begin, begin + 0.9 * BEAT, **phrase[k % 4])
        else:  # one arm up, the other down
            up, down = ("left", "right") if k % 2 else ("right", "left")
            for side, angles in ((up, phrase[2]), (down, phrase[0])):
                sign = 1.0 if side == "left" else -1.0
                roll = {f"{side}_shoulder_roll": sign * angles["shoulder_roll"]}
                arms.move(
                    begin, begin + 0.9 * BEAT, **roll, **{f"{side}_{n}": angles[n] for n in ("shoulder_pitch", "elbow")}
                )
    arms.back(28 * BEAT, 31 * BEAT)
    return Script("dance", count * BEAT, steps=steps, crouch=bounce, sway=sway, twist=twist, joints=arms.knots)


def balance(pose: Pose) -> Script:
    """On the right leg, the left knee up and held."""
    steps = [Step(LEFT, Place(0.0, FEET_APART), 1.8, 7.0, 0.22)]
    arms = Gestures(pose).both(0.8, 2.2, shoulder_roll=0.9, elbow=1.2).back(6.4, 8.0)
    return Script(
        "balance", 8.8, steps=steps, crouch=there_and_back(0.5, 1.6, 7.2, 8.4, 0.02), joints=arms.knots, settle=1.1
    )


def kick(pose: Pose) -> Script:
    """A slow kick of the left leg, back and then ahead."""
    steps = [Step(LEFT, Place(0.0, FEET_APART), 1.8, 5.8, 0.14, by=((-0.15, 0.0), (0.0, 0.0), (0.28, 0.0), (0.1, 0.0)))]
    arms = Gestures(pose).both(0.8, 2.2, shoulder_roll=0.7, elbow=1.0).back(5.4, 7.0)
    return Script(
        "kick", 7.8, steps=steps, crouch=there_and_back(0.5, 1.6, 6.0, 7.2, 0.03), joints=arms.knots, settle=1.1
    )
