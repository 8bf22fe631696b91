"""PPO that never touches the host inside a step, so that collection and learning can each be one CUDA graph."""
