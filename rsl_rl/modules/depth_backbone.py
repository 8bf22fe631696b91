"""Networks over depth images; architectures and sizes of extreme-parkour and VideoMimic's G1 depth policy."""

import torch
from torch import Tensor, nn

CPU_BATCH = 16  # images that go through the convolutions together


def _conv_block(in_channels: int, out_channels: int, kernel: int, pool: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, kernel)]
    if pool > 1:
        layers.append(nn.MaxPool2d(pool))
    return [*layers, nn.ELU(inplace=True)]


class DepthOnlyFCBackbone(nn.Module):
    """Image (B, h, w) in -0.5 .. 0.5 to a latent (B, L)."""

    # Channels, kernel and pooling of each convolution, by name, and the name for an image's shape.
    CONVOLUTIONS = {
        "extreme_parkour": ((32, 5, 2), (64, 3, 1)),
        "videomimic": ((16, 5, 2), (32, 4, 2), (32, 3, 1)),
    }
    BY_SHAPE = {(58, 87): "extreme_parkour", (64, 64): "videomimic"}

    def __init__(self, image_shape: tuple[int, int], latent_dim: int, convolutions: str = ""):
        """`convolutions`: of `CONVOLUTIONS`, for images of any shape; empty: those for this shape."""
        super().__init__()
        if not convolutions and tuple(image_shape) not in self.BY_SHAPE:
            known = ", ".join(f"{h} x {w}" for h, w in self.BY_SHAPE)
            raise ValueError(
                f"policy.image_shape is {image_shape[0]} x {image_shape[1]}: there are backbones for {known}; for "
                "others name policy.convolutions"
            )
        name = convolutions or self.BY_SHAPE[tuple(image_shape)]
        if name not in self.CONVOLUTIONS:
            raise ValueError(f"policy.convolutions is {name!r}: there are {', '.join(self.CONVOLUTIONS)}")
        layers, channels = [], 1
        for out_channels, kernel, pool in self.CONVOLUTIONS[name]:
            layers += _conv_block(channels, out_channels, kernel, pool)
            channels = out_channels
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            width = self.convolutions(torch.zeros(1, 1, *image_shape)).shape[1]
        self.output = nn.Sequential(nn.Linear(width, 128), nn.ELU(), nn.Linear(128, latent_dim), nn.ELU())

    def forward(self, images: Tensor) -> Tensor:
        # The one channel may come first or last in memory: first is faster on a GPU, last on a CPU.
        channel = images.unsqueeze(1) if images.is_cuda else images.unsqueeze(-1).permute(0, 3, 1, 2)
        if images.is_cuda or torch.jit.is_tracing():  # a trace would hold the number of parts
            return self.output(self.convolutions(channel))
        # What the first convolution makes of 64 images is 37 MB: too much for caches, and for what malloc keeps.
        parts = [self.convolutions(part) for part in channel.split(CPU_BATCH)]
        return self.output(torch.cat(parts))


class RecurrentDepthBackbone(nn.Module):
    """Images and proprioception, in time, to a latent and headings.

    The latent stands in for the scan's, within ±1 as that is.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        proprio_dim: int,
        latent_dim: int,
        hidden_dim: int,
        num_yaws: int,
        max_yaw: float,
        convolutions: str = "",
        activated_mix: bool = True,
    ):
        """`num_yaws`: headings (rad, within ±`max_yaw`) beside the latent; 0 for none. `convolutions`: as of
        `DepthOnlyFCBackbone`. `activated_mix`: whether what goes into the recurrence went through an ELU, as in
        students of parkour; the G1 depth guide's have none there."""
        super().__init__()
        self.image = DepthOnlyFCBackbone(image_shape, latent_dim, convolutions)
        mix = [nn.Linear(latent_dim + proprio_dim, 128), nn.ELU(), nn.Linear(128, latent_dim)]
        self.mix = nn.Sequential(*mix, *([nn.ELU()] if activated_mix else []))
        self.gru = nn.GRUCell(latent_dim, hidden_dim)
        self.output = nn.Sequential(nn.Linear(hidden_dim, latent_dim + num_yaws), nn.Tanh())
        self.latent_dim, self.num_yaws, self.max_yaw = latent_dim, num_yaws, max_yaw

    def features(self, images: Tensor, proprio: Tensor) -> Tensor:
        """What goes into the recurrence (B, L), of images (B, h, w) and proprioception (B, d)."""
        return self.mix(torch.cat([self.image(images), proprio], -1))

    def advance(self, features: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One image further: latent (B, L), headings (B, num_yaws) and the new hidden state (B, H)."""
        hidden = self.gru(features, hidden)
        told = self.output(hidden)
        return told[..., : self.latent_dim], self.max_yaw * told[..., self.latent_dim :], hidden
