"""The covariance of random effects as a function of free numbers: Ω = Λ Λᵀ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from theradose.model.arrays import Array

# In units of the effect that one subject can tell from zero.
_ZERO, _NOTICEABLE = 1e-3, 0.3

Structure = Literal["diagonal", "full"]


@dataclass(frozen=True, slots=True)
class Covariance:
    """How the factor Λ of q random effects is written.

    The numbers are the standard deviations, or the lower triangle of Λ. They may have any sign and be zero: a variance
    of zero lies inside of the range, not at infinity.

    Attributes
    ----------
    structure : {"diagonal", "full"}
        Whether random effects of one subject are independent.
    order : int
        q.
    """

    structure: Structure
    order: int

    @property
    def size(self) -> int:
        """Number of free numbers."""
        return self.order if self.structure == "diagonal" else self.order * (self.order + 1) // 2

    @property
    def _cells(self) -> tuple[Array, Array]:
        if self.structure == "diagonal":
            return np.arange(self.order), np.arange(self.order)
        return np.tril_indices(self.order)

    def factor(self, numbers: Array) -> Array:
        """Return Λ, shape (..., q, q), of numbers of shape (..., size)."""
        root = np.zeros((*np.shape(numbers)[:-1], self.order, self.order), np.asarray(numbers).dtype)
        rows, columns = self._cells
        root[..., rows, columns] = numbers
        return root

    def numbers(self, factor: Array) -> Array:
        """Return the numbers of a factor Λ, shape (q, q)."""
        rows, columns = self._cells
        return np.asarray(factor[rows, columns])

    def raised(self, numbers: Array, noticeable: Array) -> Array:
        """Return the numbers with no standard deviation that is too small to be noticed, shape (size,).

        Zero is a stationary point of every likelihood, so a search that begins there would end there.
        """
        rows, columns = self._cells
        least = _NOTICEABLE * noticeable[rows]
        return np.where((rows == columns) & (np.abs(numbers) < _ZERO * noticeable[rows]), least, numbers)
