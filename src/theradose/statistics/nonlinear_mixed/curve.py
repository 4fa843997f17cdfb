"""What a nonlinear mixed model needs to know of its curve."""

from __future__ import annotations

from typing import Protocol

from theradose.model.arrays import Array


class MixedCurve(Protocol):
    """A curve of one subject.

    Parameters are on the scale on which subjects are normally distributed: the logarithm of a rate that is log-normal.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the K parameters."""
        ...

    def value(self, phi: Array, x: Array) -> Array:
        """Return the curve, shape (...), for parameters of shape (..., K) and points of shape (..., d)."""
        ...

    def gradient(self, phi: Array, x: Array) -> Array:
        """Return the derivatives of the curve by its parameters, shape (..., K)."""
        ...

    def hessian(self, phi: Array, x: Array) -> Array:
        """Return the second derivatives, shape (..., K, K)."""
        ...
