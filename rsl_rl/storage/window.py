"""What one iteration of a student with a camera collects, in memory that never moves."""

import torch
from torch import Tensor, nn


class Window:
    """T control steps of N robots, F = T / interval of them with an image."""

    def __init__(self, student: nn.Module, num_steps: int, num_envs: int, interval: int):
        """`student`: a `DepthStudent`, or another with a `depth_encoder`; one without a history keeps none."""
        encoder = student.depth_encoder
        device = encoder.gru.weight_hh.device
        dims, frames = student.obs_dims, num_steps // interval

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(*shape, dtype=dtype, device=device)

        self.images = zeros(frames, num_envs, dims["depth"], dtype=torch.float16)
        self.frame_proprio = zeros(frames, num_envs, dims["student_proprio"])
        self.frame_ground = zeros(frames, num_envs, student.ground_dim)  # true, likewise
        self.frame_yaw = zeros(frames, num_envs, encoder.num_yaws)  # true, as perceived at the image
        self.frame_start = zeros(frames, num_envs, 1, dtype=torch.bool)  # an episode started since the last image
        self.proprio = zeros(num_steps, num_envs, dims["student_proprio"])  # with the headings that acted
        self.history = zeros(num_steps, num_envs, dims.get("student_history", 0))
        self.explicit = zeros(num_steps, num_envs, student.explicit_dim)
        self.seeing = zeros(num_steps, num_envs, 1, dtype=torch.bool)  # there was an image in this episode
        self.labels = zeros(num_steps, num_envs, student.num_actions)
        self.hidden = zeros(num_envs, encoder.gru.hidden_size)  # before the first image
        self.step, self.frame = (torch.zeros(1, dtype=torch.long, device=device) for _ in range(2))

    def clear(self) -> None:
        """Next write goes to the start."""
        self.step.zero_()
        self.frame.zero_()

    def write_image(self, image: Tensor, proprio: Tensor, yaw: Tensor, ground: Tensor, start: Tensor) -> None:
        rows = [(self.images, image), (self.frame_proprio, proprio), (self.frame_yaw, yaw)]
        for buffer, row in (*rows, (self.frame_ground, ground), (self.frame_start, start)):
            buffer.index_copy_(0, self.frame, row.to(buffer.dtype).unsqueeze(0))
        self.frame.add_(1).remainder_(len(self.images))

    def write_step(self, **rows: Tensor) -> None:
        """Rows (N, ...) by the names of the buffers; those not named keep what they had. Moves on to the next step."""
        for name, row in rows.items():
            getattr(self, name).index_copy_(0, self.step, row.unsqueeze(0))
        self.step.add_(1).remainder_(len(self.proprio))
