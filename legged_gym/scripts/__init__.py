"""What a user types: train, play, evaluate, list_tasks."""
