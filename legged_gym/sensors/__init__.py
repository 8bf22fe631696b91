"""What robots perceive of their surroundings."""
