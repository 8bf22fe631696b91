"""How well a policy does: on velocity commands, on obstacle courses; figures and their tables."""
