"""Latent of the last frames of proprioception, by convolutions over time."""

from torch import Tensor, nn

from rsl_rl.modules.mlp import make_activation, orthogonal

FRAME_CHANNELS = 30
# (output channels, kernel, stride) of each convolution, by the number of frames; all end in three steps of ten.
CONVOLUTIONS = {
    10: ((20, 4, 2), (10, 2, 1)),
    20: ((20, 6, 2), (10, 4, 2)),
    50: ((20, 8, 4), (10, 5, 1), (10, 5, 1)),
}


class TimeConvolution(nn.Conv1d):
    """Convolution over time, (N, T, C) to (N, T', C'), as one matrix product.

    With cuDNN the gradient of these small weights took 12 of a DAgger step's 14 ms (49,152 histories on an H200).
    """

    def forward(self, frames: Tensor) -> Tensor:
        windows = frames.unfold(1, self.kernel_size[0], self.stride[0])  # (N, T', C, kernel)
        return nn.functional.linear(windows.flatten(2), self.weight.flatten(1), self.bias)


class StateHistoryEncoder(nn.Module):
    """History (N, T*d), oldest frame first, to a latent (N, L). Architecture and sizes of extreme-parkour.

    Where the strides leave frames over (two of 50), those are the oldest; in extreme-parkour, the newest.
    """

    def __init__(self, frame_dim: int, num_frames: int, latent_dim: int, activation: str):
        """`num_frames`: T, one of `CONVOLUTIONS` (ValueError); `frame_dim`: d."""
        super().__init__()
        if num_frames not in CONVOLUTIONS:
            raise ValueError(
                f"history_length is {num_frames}: there are encoders for {', '.join(map(str, CONVOLUTIONS))}"
            )
        self.frame_shape = num_frames, frame_dim
        self.frame = nn.Sequential(orthogonal(nn.Linear(frame_dim, FRAME_CHANNELS)), make_activation(activation))
        _, kernel, stride = CONVOLUTIONS[num_frames][0]
        self.unread = (num_frames - kernel) % stride
        layers, channels, steps = [], FRAME_CHANNELS, num_frames
        for out_channels, kernel, stride in CONVOLUTIONS[num_frames]:
            layers += [orthogonal(TimeConvolution(channels, out_channels, kernel, stride)), make_activation(activation)]
            channels, steps = out_channels, (steps - kernel) // stride + 1
        self.convolutions = nn.Sequential(*layers)
        self.output = nn.Sequential(orthogonal(nn.Linear(channels * steps, latent_dim)), make_activation(activation))

    def forward(self, history: Tensor) -> Tensor:
        frames = self.frame(history.unflatten(-1, self.frame_shape)[:, self.unread :])
        return self.output(self.convolutions(frames).transpose(1, 2).flatten(1))
