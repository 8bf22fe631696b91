from legged_gym.sensors.height_scan import HeightScan

__all__ = ["HeightScan"]
