"""Calls of `Gym` on cameras, viewer and looks."""

import numpy as np

from isaacgym._calls import engine_of, named_errors
from isaacgym._constants import INVALID_HANDLE, CameraFollowMode, ImageType
from isaacgym._params import CameraProperties
from isaacgym._values import Quat, Transform, Vec3


@named_errors
class ViewCalls:
    """Cameras are `_camera.CameraSensors`, the viewer is `_viewer.Viewer`; both are made on first use."""

    # -- cameras ------------------------------------------------------------------------------------------------------
    def create_camera_sensor(self, env, props: CameraProperties) -> int:
        if not isinstance(props, CameraProperties):
            raise TypeError(f"props has to be gymapi.CameraProperties, not {type(props).__name__}")
        return _cameras(env.scene).create(env.index, props)

    def set_camera_location(self, camera_handle, env, camera_position: Vec3, camera_target: Vec3) -> None:
        _cameras(env.scene).set_location(env.index, camera_handle, _xyz(camera_position), _xyz(camera_target))

    def set_camera_transform(self, camera_handle, env, transform: Transform) -> None:
        _cameras(env.scene).set_transform(env.index, camera_handle, transform.p._values(), transform.r._values())

    def attach_camera_to_body(self, camera_handle, env, body_handle, local_transform: Transform, mode) -> None:
        mode = CameraFollowMode(int(mode))
        if not 0 <= int(body_handle) < env.first("bodies", len(env.actors)):
            raise ValueError(f"there is no body {body_handle} in the environment")
        pose = local_transform.p._values(), local_transform.r._values()
        _cameras(env.scene).attach(env.index, camera_handle, int(body_handle), *pose, mode)

    def render_all_camera_sensors(self, sim) -> None:
        engine_of(sim)
        _cameras(sim).render_all()

    def get_camera_image(self, sim, env, camera_handle, image_type) -> np.ndarray:
        """(H, W) depth in m, negative; (H, 4 W) colours; (H, W) segmentation."""
        engine_of(sim)
        return _cameras(sim).image(env.index, camera_handle, ImageType(int(image_type)))

    def get_camera_image_gpu_tensor(self, sim, env, camera_handle, image_type):
        engine_of(sim)
        return _cameras(sim).tensor(env.index, camera_handle, ImageType(int(image_type)))

    def start_access_image_tensors(self, sim) -> None:
        """Nothing to do: pictures are made in the stream that reads them."""

    def end_access_image_tensors(self, sim) -> None:
        """Nothing to do."""

    def get_camera_transform(self, sim, env, camera_handle) -> Transform:
        pos, quat = _cameras(sim).transform(env.index, camera_handle)
        return Transform(Vec3(*pos), Quat(*quat))

    def get_camera_view_matrix(self, sim, env, camera_handle) -> np.ndarray:
        return _cameras(sim).view_matrix(env.index, camera_handle, env.origin._values())

    def get_camera_proj_matrix(self, sim, env, camera_handle) -> np.ndarray:
        return _cameras(sim).projection_matrix(env.index, camera_handle)

    def step_graphics(self, sim) -> None:
        """Nothing to do: pictures and page are made from the state as it is when they are asked for."""

    # -- viewer -------------------------------------------------------------------------------------------------------
    def create_viewer(self, sim, props: CameraProperties | None = None):
        """Opens a page on localhost and says where."""
        if sim.viewer is None:
            from isaacgym._viewer import Viewer

            props = CameraProperties() if props is None else props
            sim.viewer = Viewer(sim, width=props.width, height=props.height)
        return sim.viewer

    def destroy_viewer(self, viewer) -> None:
        _viewer(viewer).close()

    def query_viewer_has_closed(self, viewer) -> bool:
        return bool(_viewer(viewer).closed)

    def viewer_camera_look_at(self, viewer, env, position: Vec3, target: Vec3) -> None:
        """`env` None: position and target are in the frame of all environments."""
        _viewer(viewer).look_at(env, position, target)

    def subscribe_viewer_keyboard_event(self, viewer, key, action) -> None:
        _viewer(viewer).subscribe(str(key), str(action))

    def subscribe_viewer_mouse_event(self, viewer, button, action) -> None:
        _viewer(viewer).subscribe(str(button), str(action))

    def query_viewer_action_events(self, viewer) -> list:
        return _viewer(viewer).events()

    def poll_viewer_events(self, viewer) -> None:
        """Nothing to do: the page's events come by themselves."""
        _viewer(viewer)

    def draw_viewer(self, viewer, sim, render_collision=True) -> None:
        engine_of(sim)
        if _viewer(viewer) is not sim.viewer:
            raise ValueError("this viewer shows another simulation")
        viewer.draw()

    def sync_frame_time(self, sim) -> None:
        """Waits until the wall clock has caught up with the simulation; only with a viewer."""
        if sim.viewer is not None:
            sim.viewer.sync(self.get_sim_time(sim))

    def add_lines(self, viewer, env, num_lines, vertices, colors) -> None:
        """`vertices` num_lines x 6 floats (from, to), `colors` num_lines x 3 in [0, 1]; also as Vec3 dtypes."""
        if viewer is None:
            return
        vertices, colors = (_plain(a, w, int(num_lines)) for a, w in ((vertices, 6), (colors, 3)))
        _viewer(viewer).add_lines(env, vertices, colors)

    def clear_lines(self, viewer) -> None:
        if viewer is not None:
            _viewer(viewer).clear_lines()

    def write_viewer_image_to_file(self, viewer, filename) -> None:
        from PIL import Image

        Image.fromarray(_viewer(viewer).picture()).save(filename)

    def write_camera_image_to_file(self, sim, env, camera_handle, image_type, filename) -> None:
        from PIL import Image

        image = self.get_camera_image(sim, env, camera_handle, image_type)
        if int(image_type) != ImageType.IMAGE_COLOR:
            raise NotImplementedError("only IMAGE_COLOR can be written to a file")
        Image.fromarray(image.reshape(image.shape[0], -1, 4)).save(filename)

    def get_viewer_camera_handle(self, viewer) -> int:
        return INVALID_HANDLE

    def get_viewer_camera_transform(self, viewer, env=None) -> Transform:
        return _viewer(viewer).camera_transform(env)

    # -- looks --------------------------------------------------------------------------------------------------------
    def set_rigid_body_color(self, env, actor, body_index, mesh_type, color: Vec3) -> bool:
        owner = env.actor(actor)
        if not 0 <= int(body_index) < len(owner.mass):
            raise ValueError(f"there is no body {body_index}: the actor has {len(owner.mass)}")
        if not isinstance(color, Vec3):
            raise TypeError(f"color has to be a gymapi.Vec3, not {type(color).__name__}")
        owner.colors[int(body_index)] = color._values()
        return True

    def get_rigid_body_color(self, env, actor, body_index, mesh_type) -> Vec3:
        return Vec3(*env.actor(actor).colors.get(int(body_index), (0.7, 0.7, 0.7)))

    def set_rigid_body_segmentation_id(self, env, actor, body_index, segmentation_id) -> None:
        """Ids are kept per actor."""
        env.actor(actor).segmentation = int(segmentation_id)

    def set_rigid_body_texture(self, env, actor, body_index, mesh_type, texture) -> None:
        """Textures are not drawn."""

    def create_texture_from_file(self, sim, filename) -> int:
        """Textures are not drawn."""
        return INVALID_HANDLE

    def set_light_parameters(self, sim, index, intensity, ambient, direction) -> None:
        """The light is the page's own."""


def _cameras(scene):
    if scene.cameras is None:
        from isaacgym._camera import CameraSensors

        scene.cameras = CameraSensors()
    if scene.engine is not None and not scene.cameras_begun:
        scene.cameras.begin(scene.engine, scene.segments())
        scene.cameras_begun = True
    return scene.cameras


def _viewer(viewer):
    if not hasattr(viewer, "add_lines"):
        raise TypeError(f"the viewer has to be what create_viewer gave, not {type(viewer).__name__}")
    return viewer


def _xyz(vector) -> tuple[float, float, float]:
    return vector._values() if isinstance(vector, Vec3) else tuple(float(v) for v in vector)


def _plain(array, width: int, count: int) -> np.ndarray:
    """(count, width) float32 of an array of plain floats or of Vec3.dtype."""
    array = np.ascontiguousarray(array)
    if array.dtype.names:
        array = array.view(np.float32)
    array = array.astype(np.float32).reshape(-1)
    if array.size != count * width:
        raise ValueError(f"{count} lines need {count * width} numbers here, not {array.size}")
    return array.reshape(count, width)
