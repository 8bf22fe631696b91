"""rsl_rl/utils/adam.py against torch's class, and what it is for."""

import subprocess
import sys

import torch
from torch import nn

from rsl_rl.utils.adam import StaticAdam

WITHOUT_COMPILER = """
import sys, torch
from rsl_rl.utils.adam import StaticAdam

x = torch.nn.Parameter(torch.ones(3))
StaticAdam({"x": x}, 0.1, 1.0).minimize(x.sum())
sys.exit("torch._dynamo" in sys.modules)
"""


def test_steps_are_torchs_also_after_a_change_of_the_rate_and_without_a_gradient():
    def parameters() -> dict[str, nn.Parameter]:
        draw = torch.Generator().manual_seed(0)
        return {name: nn.Parameter(torch.randn(3, 2, generator=draw)) for name in ("first", "second", "frozen")}

    def loss(x: dict[str, nn.Parameter], step: int) -> torch.Tensor:
        return 10.0 * (x["first"] * x["second"] + step).square().sum()

    ours, theirs = parameters(), parameters()
    optimizer = StaticAdam(ours, 0.1, 1.0)
    reference = torch.optim.Adam(theirs.values(), lr=torch.tensor(0.1), fused=True)
    memory = optimizer.moments("first")["exp_avg"].data_ptr()
    for step in range(4):
        if step == 2:
            optimizer.learning_rate.fill_(0.02)
            reference.param_groups[0]["lr"].fill_(0.02)
        optimizer.minimize(loss(ours, step))
        reference.zero_grad()
        loss(theirs, step).backward()
        nn.utils.clip_grad_norm_(theirs.values(), 1.0)
        reference.step()
        for name, parameter in ours.items():
            assert torch.equal(parameter, theirs[name]), (name, step)
    assert optimizer.moments("first")["step"] == 4.0 and optimizer.moments("frozen")["step"] == 0.0
    assert optimizer.moments("first")["exp_avg"].data_ptr() == memory, "where it was, for a graph"


def test_torchs_compiler_stays_out():
    assert subprocess.run([sys.executable, "-c", WITHOUT_COMPILER]).returncode == 0
