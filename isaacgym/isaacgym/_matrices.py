"""Jacobians and mass matrices of actors, from the motion axes and inertias that the engines have."""

import numpy as np
import torch
from torch import Tensor


class Matrices:
    """Those of all actors with one name, in all environments; each is made when it is first acquired.

    Attributes:
        jacobian: (rows, L, 6, columns) or None. In world axes, per link the linear velocity (m/s) of its *centre of
            mass*, then the angular velocity (rad/s), per unit velocity of each column.
        mass: (rows, D, D) or None. kg m² for hinges, kg for slides, kg m between them; with armature.
    """

    def __init__(self, scene, name):
        named = [
            (env.index, a, actor.asset)
            for env in scene.envs
            for a, actor in enumerate(env.actors)
            if actor.name == name
        ]
        if not named:
            raise ValueError(f"there is no actor called {name!r}; there are {[a.name for a in scene.envs[0].actors]}")
        asset = named[0][2]
        if not all(asset.same_as(other) for _, _, other in named):
            raise ValueError(f"the actors called {name!r} are of different assets; give those of each one name")
        self.engine, self.device, layout, model = scene.engine, scene.device, scene.layout, scene.engine.model
        self.floating = not asset.fixed
        self.jacobian: Tensor | None = None
        self.mass: Tensor | None = None

        def numbers(of) -> Tensor:
            return torch.as_tensor(np.stack([of(actor) for _, actor, _ in named]), device=scene.device)

        self._envs = torch.tensor([env for env, _, _ in named], device=scene.device)
        self._bodies = numbers(lambda a: layout.body[layout.bodies_of(a)][asset.fixed :])
        self._dofs = numbers(lambda a: layout.dof_qvel[layout.dofs_of(a)])
        self._base = numbers(lambda a: layout.root_qvel[a] + np.arange(6))
        self._root = numbers(lambda a: layout.body_root[layout.actor_bodies[a]])
        moved = [_moved_by(model, int(d)) for d in self._dofs[0]]
        moved = [[True] * 6 * self.floating + [int(b) in bodies for bodies in moved] for b in self._bodies[0]]
        self._moved = torch.tensor(moved, device=scene.device).view(
            self._bodies.shape[1], 6 * self.floating + self._dofs.shape[1], 1
        )

    def acquire_jacobian(self) -> Tensor:
        if self.jacobian is None:
            links, columns = self._moved.shape[:2]
            self.jacobian = torch.zeros(len(self._envs), links, 6, columns, device=self.device)
            self.refresh_jacobian()
        return self.jacobian

    def refresh_jacobian(self) -> None:
        axes, points, centres = self.engine.motion_axes()
        envs = self._envs[:, None]
        angular, linear = axes[envs, self._dofs].split(3, -1)
        points, centre = points[envs, self._bodies], centres[envs, self._root[:, None]]
        if self.floating:  # three shifts along the world's axes, three turns about them at the root's centre of mass
            unit = torch.eye(3, dtype=axes.dtype, device=self.device).expand(len(envs), 3, 3)
            angular = torch.cat([torch.zeros_like(unit), unit, angular], 1)
            linear = torch.cat([unit, torch.linalg.cross(unit, centre - points[:, :1]), linear], 1)
        angular, linear, arm = angular[:, None], linear[:, None], (points - centre)[:, :, None]
        linear = linear + torch.linalg.cross(angular, arm)  # (rows, L, columns, 3)
        columns = torch.cat([linear, angular.expand_as(linear)], -1) * self._moved
        self.jacobian.copy_(columns.transpose(-1, -2))

    def acquire_mass(self) -> Tensor:
        if self.mass is None:
            dofs = self._dofs.shape[1]
            self.mass = torch.zeros(len(self._envs), dofs, dofs, device=self.device)
            self.refresh_mass()
        return self.mass

    def refresh_mass(self) -> None:
        dofs = torch.cat([self._base, self._dofs], 1) if self.floating else self._dofs
        inertia = self.engine.inertia()[self._envs[:, None, None], dofs[:, :, None], dofs[:, None, :]]
        if self.floating:  # nothing holds the base: H - F' inv(I) F, which is what the triangular factor has below it
            factor = torch.linalg.cholesky_ex(inertia)[0][:, 6:, 6:]
            inertia = factor @ factor.mT
        self.mass.copy_(inertia)


def _moved_by(model, dof: int) -> set[int]:
    """The bodies that a DOF moves."""
    moved = {int(model.dof_bodyid[dof])}
    for body in range(1, model.nbody):  # parents come first
        if model.body_parentid[body] in moved:
            moved.add(body)
    return moved
