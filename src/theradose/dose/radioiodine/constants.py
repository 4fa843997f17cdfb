"""The constants of planning with 131I."""

from __future__ import annotations

from theradose.data import load_yaml
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain

NUCLIDE = "I-131"
_FILE = "radioiodine.yaml"


def radioiodine_constant(key: str) -> Constant:
    """Return a constant by its key in ``data/radioiodine.yaml``."""
    return Constant(**load_yaml(_FILE)[key])


def without_u(constant: Constant, source: str) -> Uncertain:
    """Return the number of a constant whose uncertainty nobody stated, under the name of `source`."""
    return Uncertain(constant.value, not_stated=frozenset({source}))
