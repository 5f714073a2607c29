"""Muon: steps of equal size in all directions for the filters of convolutions.

The momentum of a convolution's filters, as a matrix with one filter per row, is replaced with the
nearest matrix whose rows are orthonormal: rare directions move as far as common ones. Everything
else is left to AdamW (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/). Scaled as by
Liu et al. 2025 (arXiv:2502.16982), a learning rate and a weight decay mean what they do in AdamW.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients of the polynomial in `orthogonal`. Among those that bring every singular value close
to one, these are the steepest at zero."""
ROUNDS = 3
"""Iterations of `orthogonal`."""
SCALE = 0.2
"""The root mean square of an AdamW step, as a share of the learning rate."""


class Muon(torch.optim.AdamW):
    """AdamW, and Muon for the groups marked with `"orthogonal": True`.

    Parameters
    ----------
    groups : list of dict
        Parameter groups, each with its `weight_decay`; those marked hold tensors with at least two
        axes, one filter per entry of the first.
    lr, betas
        As in AdamW.
    momentum : float
        Nesterov momentum of the marked groups.
    dtype : torch.dtype
        Number format of the matrix products; bfloat16 is exact enough.
    fused, capturable
        As in AdamW.

    References
    ----------
    `torch.optim.Muon` takes matrices only, and no other parameters beside them.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        lr: float | Tensor,
        *,
        betas: tuple[float, float],
        momentum: float,
        dtype: torch.dtype,
        fused: bool,
        capturable: bool = False,
    ) -> None:
        super().__init__(groups, lr, betas=betas, fused=fused, capturable=capturable)
        self.momentum, self.dtype = momentum, dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move every parameter that has a gradient; the gradients of filters are used up."""
        for group in self.param_groups:
            if not group.get("orthogonal"):
                continue
            rate = group["lr"]
            for filters in group["params"]:
                if filters.grad is None:
                    continue
                state = self.state[filters]
                if not state:
                    state["step"] = torch.zeros(())  # which AdamW expects of a state that it loads
                    state["momentum"] = torch.zeros_like(filters)
                state["momentum"].lerp_(filters.grad, 1 - self.momentum)
                ahead = filters.grad.lerp(state["momentum"], self.momentum)
                matrix = orthogonal(ahead.flatten(1), self.dtype)
                filters.mul_(1 - rate * group["weight_decay"])
                filters.sub_(matrix.view(filters.shape) * (rate * step_length(matrix.shape)))
                filters.grad = None  # so that AdamW, below, passes over it
        loss: float | None = super().step(closure)
        return loss


def step_length(shape: Sequence[int]) -> float:
    """Return the factor that makes an orthogonal matrix as long as AdamW's step at rate 1."""
    return SCALE * math.sqrt(max(shape))


def orthogonal(matrix: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return nearly U V^T of a matrix U S V^T: all singular values between about 0.5 and 1.3.

    A Newton-Schulz iteration, of matrix products only. More than three rounds do not change the
    accuracy of a trained network.

    Parameters
    ----------
    matrix : Tensor, float32 (rows, columns)
        Not all zero, or zero comes back.
    dtype : torch.dtype
        Number format of the products.

    Returns
    -------
    Tensor, float32, same shape

    Examples
    --------
    >>> turned = orthogonal(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    >>> bool(((turned.diag() > 0.5) & (turned.diag() < 1.3)).all())
    True
    """
    a, b, c = COEFFICIENTS
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    near: Tensor = (wide / wide.norm().clamp(min=1e-7)).to(dtype)
    for _ in range(ROUNDS):
        gram = near @ near.T
        gram = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        near = torch.addmm(near, gram, near, beta=a)
    return (near if wide is matrix else near.T).float()
