"""Frames to GIF, WebP and MP4 files."""

import io
import itertools
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from PIL import Image


def encode(frames: Sequence[np.ndarray], fps: float, suffix: str) -> bytes:
    """The film of frames (H, W, 3) uint8, all of one size, as a `.gif`, `.webp` or `.mp4` file."""
    if not frames:
        raise ValueError("a film needs at least one frame")
    return {".gif": _gif, ".webp": _webp, ".mp4": _mp4}[suffix](frames, fps)


def _gif(frames: Sequence[np.ndarray], fps: float) -> bytes:
    """One palette for all frames: pixels that stay the same then cost nothing."""
    sample = np.concatenate([frame[::4, ::4] for frame in frames[:: max(1, len(frames) // 8)]])
    palette = Image.fromarray(sample).quantize(255, method=Image.Quantize.MEDIANCUT)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    file = io.BytesIO()
    ends = [10 * round(100.0 * k / fps) for k in range(len(images) + 1)]  # ms; a GIF counts in hundredths of a second
    took = [end - begin for begin, end in itertools.pairwise(ends)]
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=took, loop=0, optimize=True)
    return file.getvalue()


def _webp(frames: Sequence[np.ndarray], fps: float) -> bytes:
    """A moving picture for a web page, a fraction of a GIF's size."""
    images = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    how = dict(save_all=True, append_images=images[1:], loop=0, quality=40, method=4)
    images[0].save(file, "WEBP", duration=round(1000.0 / fps), **how)
    return file.getvalue()


def _mp4(frames: Sequence[np.ndarray], fps: float) -> bytes:
    """H.264, as every browser plays it; sides are cut to even numbers of pixels."""
    height, width = (side // 2 * 2 for side in frames[0].shape[:2])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "23", "preset": "veryfast", "movflags": "faststart"}
        for frame in frames:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    return file.getvalue()
