"""Adam for steps that are captured as CUDA graphs."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class StaticAdam:
    """Adam over named parameters, with gradient clipping; its state stays in the same memory from the start.

    `learning_rate` () is a tensor on the parameters' device: whoever changes it in place changes the next step.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], learning_rate: float, max_grad_norm: float, *, capturable: bool
    ):
        self.parameters, self.max_grad_norm = dict(parameters), max_grad_norm
        tensors = list(self.parameters.values())
        device = tensors[0].device
        lr = torch.tensor(learning_rate, device=device)
        self._adam = torch.optim.Adam(tensors, lr=lr, fused=True, capturable=capturable)
        self.learning_rate: Tensor = self._adam.param_groups[0]["lr"]
        # torch makes the state at the first step, which would be in the middle of a capture.
        for parameter in tensors:
            self._adam.state[parameter] = {
                "step": torch.zeros((), device=device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }

    def minimize(self, loss: Tensor) -> None:
        """One step down the gradient of `loss` ()."""
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        self._finish_gradients()
        self._adam.step()

    def _finish_gradients(self) -> None:
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.max_grad_norm)

    def moments(self, name: str) -> dict[str, Tensor]:
        """Step count () and moments of the parameter `name`, the tensors themselves."""
        return self._adam.state[self.parameters[name]]

    def state_tensors(self) -> list[Tensor]:
        """Every tensor that a step reads and changes, and the learning rate."""
        moments = [tensor for name in self.parameters for tensor in self.moments(name).values()]
        return [*self.parameters.values(), *moments, self.learning_rate]

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """Step counts and moments by parameter name."""
        return {name: dict(self.moments(name)) for name in self.parameters}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """In place."""
        for name in self.parameters:
            for key, tensor in self.moments(name).items():
                tensor.copy_(state[name][key])
