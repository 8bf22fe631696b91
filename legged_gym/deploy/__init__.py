"""An exported policy without its training: what a robot's own program does, in numpy, onnxruntime and plain MuJoCo.

Nothing here imports torch or an environment class. `description` reads an exported folder, `policy` runs its networks,
`robot` is the machine, simulated, `sensors` what it carries, `course` the way that it has to go, and `trial` the loop
around them.
"""
