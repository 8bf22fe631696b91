"""Films made without a screen."""
