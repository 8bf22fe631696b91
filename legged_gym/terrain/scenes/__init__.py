"""Scanned scenes as a plane and boxes.

`mesh` reads, `raster` and `surface` make heights of it, `planes`, `plates`, `grow` and `refine` find boxes, `fit` does
all of it, `report` says how well, `picture` draws it. `synthetic` and `scan` make scenes and scans with known ground,
and `truth` compares.
"""
