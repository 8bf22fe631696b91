"""Adam for steps that are captured as CUDA graphs."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from rsl_rl.utils import distributed


class StaticAdam:
    """Adam over named parameters, with gradient clipping; its state stays in the same memory from the start.

    Several ranks step down the mean of their gradients, which every parameter has to have there; alone, one without any
    stays as it is. `learning_rate` () is a tensor on the parameters' device: whoever changes it in place changes the
    next step. The function of torch is called, as its class makes the state at the first step, which would be in the
    middle of a capture, and imports torch's compiler, which takes 2.5 s of a CPU.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], learning_rate: float, max_grad_norm: float):
        self.parameters, self.max_grad_norm = dict(parameters), max_grad_norm
        tensors = list(self.parameters.values())
        device = tensors[0].device
        self.learning_rate = torch.tensor(learning_rate, device=device)
        self._moments = {
            name: {
                "step": torch.zeros((), device=device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
            for name, parameter in self.parameters.items()
        }
        self._shared: list[Tensor] = []  # the gradients as views of one buffer, which is averaged in one go
        if distributed.world_size() > 1:
            self._flat = torch.zeros(sum(parameter.numel() for parameter in tensors), device=device)
            parts = self._flat.split([parameter.numel() for parameter in tensors])
            self._shared = [part.view_as(parameter) for part, parameter in zip(parts, tensors, strict=True)]

    def minimize(self, loss: Tensor) -> None:
        """One step down the gradient of `loss` ()."""
        for parameter in self.parameters.values():
            parameter.grad = None
        loss.backward()
        self._finish_gradients()
        self._step()

    def _finish_gradients(self) -> None:
        if self._shared:
            torch._foreach_copy_(self._shared, [parameter.grad for parameter in self.parameters.values()])
            distributed.average_(self._flat)
            for parameter, gradient in zip(self.parameters.values(), self._shared, strict=True):
                parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.max_grad_norm)

    @torch.no_grad()
    def _step(self) -> None:
        learnt = {name: parameter for name, parameter in self.parameters.items() if parameter.grad is not None}
        moments = [self._moments[name] for name in learnt]
        adam(
            list(learnt.values()),
            [parameter.grad for parameter in learnt.values()],
            [moment["exp_avg"] for moment in moments],
            [moment["exp_avg_sq"] for moment in moments],
            [],
            [moment["step"] for moment in moments],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def moments(self, name: str) -> dict[str, Tensor]:
        """Step count () and moments of the parameter `name`, the tensors themselves."""
        return self._moments[name]

    def state_tensors(self) -> list[Tensor]:
        """Every tensor that a step reads and changes, and the learning rate."""
        moments = [tensor for name in self.parameters for tensor in self.moments(name).values()]
        return [*self.parameters.values(), *moments, self.learning_rate]

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Step counts and moments by parameter name."""
        return {name: dict(self.moments(name)) for name in self.parameters}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """In place; ValueError for what no optimiser has come to."""
        for name in self.parameters:
            for key in ("step", "exp_avg_sq"):
                if (state[name][key] < 0).any():
                    raise ValueError(f"the optimiser's {name}.{key} is negative")
            for key, tensor in self.moments(name).items():
                tensor.copy_(state[name][key])
