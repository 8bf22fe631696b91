"""Clips made by a program, from footholds and a few curves: nobody's recordings, and consistent to the millimetre."""
