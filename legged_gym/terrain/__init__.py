"""Parkour ground: tiles of a plane and a few boxes, in a grid of difficulty levels x columns.

`tile` says what a tile is, `generators` makes one from a difficulty, `roughness` litters it, `grid` holds all of them
on the device. `python -m legged_gym.terrain` draws them.
"""
