"""What a nonlinear mixed model needs before it can be fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.statistics.nonlinear_mixed.covariance import Covariance
from theradose.statistics.nonlinear_mixed.curve import MixedCurve
from theradose.statistics.nonlinear_mixed.data import Observations
from theradose.statistics.nonlinear_mixed.residual import ResidualKind

_TWO_PARTS: tuple[ResidualKind, ...] = ("stated-proportional", "stated-constant")


def check_model(
    curve: MixedCurve, start: Mapping[str, float], random: Sequence[str], u: Array | None, residual: ResidualKind,
    method: str, reml: bool,
) -> None:  # fmt: skip
    """Refuse a model that does not fit together.

    Raises
    ------
    StatisticsError
        ``mixed-model``.
    """
    names = ", ".join(curve.parameters)
    missing = [name for name in curve.parameters if name not in start]
    unknown = [name for name in random if name not in curve.parameters]
    problem = None
    if missing:
        problem = f"'start' has no first guess of '{missing[0]}': give one of each of {names}."
    elif unknown or not random or len(set(random)) < len(random):
        problem = f"The random effects '{', '.join(random)}' are not parameters of the curve: name some of {names}."
    elif u is None and residual not in ("constant", "proportional"):
        problem = f"The residual model '{residual}' needs stated uncertainties: give 'u', or choose 'proportional'."
    elif reml and method == "laplace":
        problem = "The restricted likelihood belongs to 'lindstrom-bates': choose that method, or leave 'reml' out."
    elif method == "lindstrom-bates" and residual in _TWO_PARTS:
        problem = f"'lindstrom-bates' has no residual model '{residual}': choose 'laplace', or 'scaled'."
    if problem is not None:
        raise StatisticsError(problem, code="mixed-model")


def check_size(data: Observations, covariance: Covariance) -> None:
    """Refuse fewer observations than parameters.

    Raises
    ------
    StatisticsError
        ``too-few-observations``.
    """
    size = len(data.effects) + covariance.size
    if data.size <= size:
        raise StatisticsError(
            f"{data.size} observations cannot determine {size} parameters: add subjects or points, or let fewer "
            "parameters vary.",
            code="too-few-observations",
        )
