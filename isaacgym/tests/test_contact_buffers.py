"""What is said of MuJoCo Warp's contact buffers."""

import mujoco
import mujoco_warp as mjw

from isaacgym._contact_buffers import ContactBuffers


def test_shapes_that_lie_on_too_many_cells_are_named(capsys):
    """Sizes of A1 on extreme-parkour's cells of 5 cm: its trunk covers 8 x 4 of them, a thigh 4 x 1."""
    model = mujoco.MjModel.from_xml_string("""
        <mujoco>
          <asset><hfield name="h" nrow="41" ncol="41" size="1 1 1 1"/></asset>
          <worldbody>
            <geom type="hfield" hfield="h"/>
            <body name="a0/trunk"><freejoint/><geom type="box" size="0.19 0.097 0.057"/>
              <body name="a0/thigh"><joint/><geom type="box" size="0.1 0.01225 0.017"/></body>
            </body>
          </worldbody>
        </mujoco>""")
    buffers = ContactBuffers(model)
    assert not buffers.overflowed(int(mjw.OverflowType.HFIELD))
    said = capsys.readouterr().err
    assert "HFIELD" in said and "wide enough for that: trunk;" in said
    assert not buffers.overflowed(int(mjw.OverflowType.HFIELD)) and not capsys.readouterr().err  # told once
