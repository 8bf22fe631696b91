"""How VideoMimic's stages are trained: apart from the environments' configs, as environments do not need `rsl_rl`.

Numbers are those of its commands; returns are normalised, as users report that its value loss grows without bounds.
"""

from dataclasses import dataclass, field
from typing import Any

from legged_gym.envs.g1.g1_videomimic_config import BLIND_STUDENT, CRITIC, MCPT, STUDENT
from rsl_rl.cloning_config import CloningCfg, CloningTrainCfg
from rsl_rl.config import PolicyCfg, RunnerCfg

SMALL, LARGE = (512, 256, 128), (1024, 512, 256, 128)
# Not VideoMimic's: who sees the motion's joint angles begins as a servo to them. An action of 1 is 0.25 rad.
SERVO = {"target_joints": 4.0}


def _policy(
    actor: tuple[str, ...], widths: tuple[int, ...], height_map: tuple[str, ...] = (), **settings: Any
) -> PolicyCfg:
    return PolicyCfg(
        actor_groups=actor,
        critic_groups=CRITIC,
        actor_projected_groups=height_map,
        critic_projected_groups=height_map,
        actor_hidden_dims=widths,
        critic_hidden_dims=widths,
        normalize_returns=True,
        **settings,
    )


def _runner(experiment_name: str, iterations: int) -> RunnerCfg:
    return RunnerCfg(
        experiment_name=experiment_name, num_steps_per_env=24, max_iterations=iterations, save_interval=500
    )


@dataclass
class G1DeepMimicTrainCfg(CloningTrainCfg):
    """Stage 1: from nothing. With VideoMimic's first noise, 0.8, a servo is paid less than nothing, so that it
    does best to fall soon."""

    policy: PolicyCfg = field(default_factory=lambda: _policy(MCPT, SMALL, actor_skips=dict(SERVO), init_noise_std=0.3))
    algorithm: CloningCfg = field(default_factory=CloningCfg)
    runner: RunnerCfg = field(default_factory=lambda: _runner("g1_deepmimic", 4000))


@dataclass
class G1DeepMimicProjHeightfieldTrainCfg(CloningTrainCfg):
    """Stage 2: goes on from stage 1 (`--resume --load_run RUN`) with its noise, and a step size that adapts.
    VideoMimic's begin with 0.5 and stay at 2e-5: with 0.5 a policy of stage 1 was paid a quarter of what it is with its
    own 0.25, and noise that changes by no more than 4e-4 of itself an iteration needs 1700 to come down again."""

    policy: PolicyCfg = field(
        default_factory=lambda: _policy(MCPT, SMALL, ("terrain_height",), actor_skips=dict(SERVO), init_noise_std=0.3)
    )
    algorithm: CloningCfg = field(default_factory=lambda: CloningCfg(learning_rate=1e-4))
    runner: RunnerCfg = field(default_factory=lambda: _runner("g1_deepmimic_proj_heightfield", 3000))


@dataclass
class G1DeepMimicDaggerTrainCfg(CloningTrainCfg):
    """From stage 1 (`algorithm.policy_to_clone`) to a student that is told the root's way and the upper body."""

    policy: PolicyCfg = field(default_factory=lambda: _policy(BLIND_STUDENT, SMALL, init_noise_std=0.8))
    algorithm: CloningCfg = field(default_factory=lambda: CloningCfg(learning_rate=3e-4, bc_loss_coef=1.0))
    runner: RunnerCfg = field(default_factory=lambda: _runner("g1_deepmimic_dagger", 2000))


@dataclass
class G1DeepMimicRootHeightfieldTrainCfg(CloningTrainCfg):
    """Stage 3: from stage 2 to a student that sees a noisy height map and is told the root's way. Stage 4 goes on from
    it with `algorithm.bc_loss_coef` 0."""

    policy: PolicyCfg = field(
        default_factory=lambda: _policy(STUDENT, LARGE, ("terrain_height_noisy",), init_noise_std=0.8)
    )
    algorithm: CloningCfg = field(
        default_factory=lambda: CloningCfg(learning_rate=1e-3, schedule="fixed", bc_loss_coef=1.0)
    )
    runner: RunnerCfg = field(default_factory=lambda: _runner("g1_deepmimic_root_heightfield_no_history_dagger", 2000))
