"""Films made without a screen: a robot and its ground, drawn by MuJoCo on what `gl.choose_gl` found."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from legged_gym.robots.spec import shown_groups
from legged_gym.utils.files import write_file
from legged_gym.viewer.bars import BARS, hanging
from legged_gym.viewer.depth_picture import depth_picture
from legged_gym.viewer.film.recordings import encode
from legged_gym.viewer.playing.player import Player

FPS = 25
SMOOTHING = 0.1  # share of the way to the robot that the camera goes in a frame
_PLANE, _BOX, _GOAL, _REACHED = (0.72, 0.75, 0.78), (0.85, 0.74, 0.58), (0.9, 0.25, 0.2), (0.35, 0.7, 0.35)


class RobotFilm:
    """Pictures of robot 0 and its ground, from a camera that goes along; with its depth image, where it has one."""

    def __init__(self, env: Any, width: int):
        """`width` of the pictures, in pixels; they are two thirds as high."""
        self._env, size = env, (2 * width // 3, width)
        self._course = env.parts.get("course")
        self._model = _picture_model(env, size)
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, *size)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[1:] = 0
        self._option.geomgroup[list(shown_groups(self._model))] = 1
        self._camera = mujoco.MjvCamera()
        self._camera.azimuth, self._camera.elevation, self._camera.distance = 40.0, -22.0, 2.8
        self._camera.lookat[:] = env.sim.root_pos_w[0].cpu().numpy()
        self._row = -1
        self._last = np.zeros((*size, 3), dtype=np.uint8)

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8; the one before, where the robot's state is no longer finite."""
        env = self._env
        qpos = env.sim.qpos[0].cpu().numpy()
        if not np.isfinite(qpos).all():
            return self._last
        if "ground" in env.parts:
            self._set_ground()
        self._data.qpos[:] = qpos
        mujoco.mj_forward(self._model, self._data)
        self._follow(qpos[:3])
        self._renderer.update_scene(self._data, self._camera, self._option)
        picture = self._renderer.render()
        if "camera" in env.parts:
            _inset(picture, env.parts["camera"].image[0].cpu().numpy())
        self._last = picture
        return picture

    def close(self) -> None:
        self._renderer.close()

    def _follow(self, base: np.ndarray) -> None:
        away = base - self._camera.lookat
        self._camera.lookat[:] += away if np.linalg.norm(away) > 2.0 else SMOOTHING * away  # a new episode: jump

    def _set_ground(self) -> None:
        env, model = self._env, self._model
        shapes = env.parts["ground"].shapes
        if self._course is not None:
            first = model.geom("goal0").id
            goals = model.geom_rgba[first : first + self._course.most_goals, :3]  # a view
            goals[:] = _GOAL
            goals[: int(self._course.goal_index[0])] = _REACHED
        row = int(shapes.row[0])
        if row == self._row:
            return
        self._row = row
        plane, boxes = model.body("ground").mocapid[0], model.geom("box0").id
        num_boxes = shapes.num_boxes
        first = model.body("box0").mocapid[0]
        centre, half_size = shapes.centre[row].cpu().numpy(), shapes.half_size[row].cpu().numpy()
        unused = (half_size <= 0.0).any(1)
        self._data.mocap_pos[plane, 2] = float(shapes.plane_z[row])
        self._data.mocap_pos[first : first + num_boxes] = centre
        self._data.mocap_quat[first : first + num_boxes] = shapes.quat[row].cpu().numpy()
        model.geom_size[boxes : boxes + num_boxes] = np.where(unused[:, None], 1e-3, half_size)
        colors = model.geom_rgba[boxes : boxes + num_boxes]  # a view
        colors[:, :3], colors[:, 3] = _BOX, ~unused
        if self._course is not None:
            self._set_course(centre, half_size, colors)

    def _set_course(self, centre: np.ndarray, half_size: np.ndarray, colors: np.ndarray) -> None:
        """The goals' places, and the colours (S, 4) of boxes that hang."""
        course, model = self._course, self._model
        obstacles = course.obstacles[:1].cpu().numpy()
        for mode, color in BARS.items():
            colors[hanging(centre[None], half_size[None], obstacles, mode)[0], :3] = color
        first = model.body("goal0").mocapid[0]
        self._data.mocap_pos[first : first + course.most_goals] = course.goals[0].cpu().numpy()


def _picture_model(env: Any, size: tuple[int, int]) -> mujoco.MjModel:
    """The robot as it looks, on a plane; with a box for each slot and a ball for each goal, that can be moved."""
    spec = env.robot_spec.pictures()
    spec.visual.global_.offheight, spec.visual.global_.offwidth = size
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.35] * 3, [0.35] * 3
    spec.visual.quality.shadowsize = 2048
    sky = dict(type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT)
    spec.add_texture(name="film_sky", rgb1=[0.95, 0.97, 1.0], rgb2=[0.75, 0.82, 0.9], width=256, height=256, **sky)
    checks = dict(type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER)
    dark = [0.93 * c for c in _PLANE]
    spec.add_texture(name="film_checks", rgb1=list(_PLANE), rgb2=dark, width=256, height=256, **checks)
    material = spec.add_material(name="film_floor", texrepeat=[1.0, 1.0], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "film_checks"
    world = spec.worldbody
    sun = dict(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, castshadow=True)
    world.add_light(pos=[0.0, 0.0, 10.0], dir=[0.4, 0.25, -1.0], diffuse=[0.6] * 3, **sun)
    seen = dict(contype=0, conaffinity=0, group=0)
    floor = world.add_body(name="ground", mocap=True)
    floor.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[60.0, 60.0, 1.0], material="film_floor", **seen)
    if "ground" in env.parts:
        for k in range(env.parts["ground"].shapes.num_boxes):
            box = world.add_body(name=f"box{k}", mocap=True)
            kind = mujoco.mjtGeom.mjGEOM_BOX
            box.add_geom(name=f"box{k}", type=kind, size=[1e-3] * 3, rgba=[*_BOX, 1.0], **seen)
    if "course" in env.parts:
        for k in range(env.parts["course"].most_goals):
            goal = world.add_body(name=f"goal{k}", mocap=True)
            kind = mujoco.mjtGeom.mjGEOM_SPHERE
            goal.add_geom(name=f"goal{k}", type=kind, size=[0.04, 0.0, 0.0], rgba=[*_GOAL, 1.0], **seen)
    return spec.compile()


def _inset(picture: np.ndarray, depth: np.ndarray) -> None:
    """Draw the depth image (h, w) with a white frame into the upper right corner."""
    image = depth_picture(depth, max(1, picture.shape[1] // 3 // depth.shape[1]))
    rows, columns = image.shape[0] + 4, image.shape[1] + 4
    corner = picture[8 : 8 + rows, -8 - columns : -8]
    corner[:] = 255
    corner[2:-2, 2:-2] = image


def record(player: Player, path: Path, seconds: float, width: int) -> int:
    """Plays for simulated `seconds` and writes the film to `path` (.gif, .webp or .mp4); the number of frames."""
    env, film = player.env, RobotFilm(player.env, width)
    steps = max(1, round(1.0 / (FPS * env.dt)))  # from frame to frame
    env.reset()
    frames = [film.picture().copy()]
    for step in range(1, max(1, round(seconds / env.dt)) + 1):
        player.step()
        if step % steps == 0:
            frames.append(film.picture().copy())
    film.close()
    write_file(path, encode(frames, 1.0 / (steps * env.dt), path.suffix.lower()))
    return len(frames)
