"""Warp is started without a word."""

import os
import sys

from isaacgym._warp import _stderr_closed


def test_what_libraries_write_meanwhile_is_lost_and_no_more(capfd):
    with _stderr_closed():
        os.write(2, b"CUDA warning")
        print("python too", file=sys.__stderr__)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
