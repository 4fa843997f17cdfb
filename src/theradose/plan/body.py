"""Measures of a body that cannot be: most probably another unit was meant.

References
----------
[Theradose]_ The bounds are a convention (``plan.yaml``).
"""

from __future__ import annotations

from theradose.data import load_yaml
from theradose.errors import PlanError


def check_body(
    *, weight_kg: float | None = None, height_cm: float | None = None, blood_volume_ml: float | None = None
) -> None:
    """Refuse a measure that no patient has.

    Raises
    ------
    PlanError
        ``body-impossible``.

    References
    ----------
    [Theradose]_
    """
    given = {"weight": weight_kg, "height": height_cm, "blood volume": blood_volume_ml}
    for name, bounds in load_yaml("plan.yaml")["possible_body"]["value"].items():
        value, (lowest, highest) = given[name], bounds["range"]
        if value is not None and not lowest <= value <= highest:
            raise PlanError(
                f"A {name} of {value:g} {bounds['unit']} is not that of a patient: {lowest} to {highest} "
                f"{bounds['unit']} are possible; check the unit.",
                code="body-impossible",
            )
