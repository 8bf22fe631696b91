"""Looking at robots in a browser."""

from legged_gym.viewer.viser_viewer import ViserViewer

__all__ = ["ViserViewer"]
