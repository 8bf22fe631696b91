"""The loop that plays a policy, its clock, and who steers."""
