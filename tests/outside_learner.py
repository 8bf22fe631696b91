"""A policy and an algorithm that live outside rsl_rl: a teacher by PPO, and in the same run a student of it.

Every third iteration has a second rollout, in which the student acts and learns from what the teacher would have done.
"""

from dataclasses import dataclass, field

import torch

from rsl_rl.algorithms import PPO
from rsl_rl.algorithms.phases import Phase
from rsl_rl.config import AlgorithmCfg, ClassCfg, PolicyCfg
from rsl_rl.modules import MLP, ActorCritic
from rsl_rl.utils import distributed
from rsl_rl.utils.bounds import AtLeastOne


@dataclass
class StudentCfg(ClassCfg):
    class_name: str = "MLP"
    hidden_dims: tuple[int, ...] = (16,)


@dataclass
class TeacherAndStudentCfg(PolicyCfg):
    class_name: str = "outside_learner:TeacherAndStudent"
    student: StudentCfg = field(default_factory=StudentCfg)


@dataclass
class TwoPhasesCfg(AlgorithmCfg):
    class_name: str = "outside_learner:TwoPhases"
    student_interval: AtLeastOne = 3
    student_learning_rate: float = 1e-2


class TeacherAndStudent(ActorCritic):
    config_class = TeacherAndStudentCfg
    separate_parts = frozenset({"student"})

    def __init__(self, obs_dims, num_actions, cfg):
        super().__init__(obs_dims, num_actions, cfg)
        self.student = MLP(obs_dims["proprio"], cfg.student.hidden_dims, num_actions, cfg.activation)


class TwoPhases(PPO):
    config_class = TwoPhasesCfg
    trains = TeacherAndStudent
    separate_parts = frozenset({"student"})
    num_student_steps = 6

    def __init__(self, policy, *args, **kwargs):
        super().__init__(policy, *args, **kwargs)
        self.student_optimizer = self._adam(self.part_parameters("student"), self.cfg.student_learning_rate)
        sizes = self.num_student_steps, self.storage.num_envs
        self.seen = torch.zeros(*sizes, policy.obs_dims["proprio"], device=self.device)
        self.labels = torch.zeros(*sizes, policy.num_actions, device=self.device)
        self.at = torch.zeros(1, dtype=torch.long, device=self.device)
        when = dict(num_steps=self.num_student_steps, begin=self.begin_student, every=self.cfg.student_interval)
        self.phases = (*self.phases, Phase("student", self.student_step, self.student_update, **when))

    def optimizers(self):
        return {**super().optimizers(), "student_optimizer": self.student_optimizer}

    def begin_student(self, env, iteration):
        self.at.zero_()

    @torch.no_grad()
    def student_step(self, env):
        proprio = env.observations["proprio"]
        self.seen.index_copy_(0, self.at, proprio[None])
        self.labels.index_copy_(0, self.at, self.policy.act_inference(env.observations)[None])
        self.at.add_(1).remainder_(len(self.seen))
        env.step(self.policy.student(proprio))

    def student_update(self, last_observations):
        for _ in range(20):
            loss = (self.policy.student(self.seen) - self.labels).square().mean()
            self.student_optimizer.minimize(loss)
        return {"student": distributed.average_(loss.detach()).item()}
