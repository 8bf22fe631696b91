"""MuJoCo's own log."""

import mujoco


def no_log_file() -> None:
    """No MUJOCO_LOG.TXT in the working folder, for the rest of the process; warnings still go to the console.

    Worlds that blow up would make it grow without end: the environments end and count these.
    """
    log = mujoco.MjLogConfig.get()
    log.logto_file = False
    log.set()
