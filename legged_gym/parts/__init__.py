"""What a task is made of, beside its robot and its ground."""
