"""Recovery coefficients measured with a phantom."""

from __future__ import annotations

from dataclasses import dataclass

from theradose.errors import CalibrationError
from theradose.model.arrays import Array, frozen


@dataclass(frozen=True, slots=True, eq=False)
class RecoveryPoints:
    """Measured recovery coefficients of objects of known volume.

    Attributes
    ----------
    name : str
        Name of the set, for the uncertainty budget.
    volume_ml : ndarray, shape (n,)
        True volumes.
    recovery : ndarray, shape (n,)
        Measured over true activity.
    u_recovery : ndarray, shape (n,)
        Standard uncertainty of `recovery`.
    """

    name: str
    volume_ml: Array
    recovery: Array
    u_recovery: Array

    def __post_init__(self) -> None:
        for field in ("volume_ml", "recovery", "u_recovery"):
            object.__setattr__(self, field, frozen(getattr(self, field), float))
        if not self.volume_ml.shape == self.recovery.shape == self.u_recovery.shape:
            raise CalibrationError("Volumes, recoveries and their uncertainties must be equally many.",
                                   code="recovery-shape")  # fmt: skip
        for values in (self.volume_ml, self.recovery, self.u_recovery):
            if not (values > 0).all():
                raise CalibrationError(
                    f"The recovery set '{self.name}' has a volume, recovery or uncertainty that is not "
                    "positive: correct that row.",
                    code="recovery-not-positive",
                )
