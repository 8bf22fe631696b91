"""Reference motions: files of every published format, clips on a robot, a library of them, and an author of our own.

`legged_gym.motion.load` reads files, `legged_gym.motion.library` holds many clips, `legged_gym.motion.check` says what
is the matter with one; the command line is `python -m legged_gym.motion`.
"""
