"""What is no printed number in the worked uncertainty chain of Gear et al. 2018 (doi 10.1007/s00259-018-4136-7).

Its numbers are cases of ``theradose validate``; this is the same sphere through the same functions.
"""

from __future__ import annotations

import pytest

from theradose.uncertainty import budget
from theradose.validation.evaluators.uncertainty import worked_curve, worked_dose


def test_every_point_has_its_own_measurement_uncertainty():
    curve, _ = worked_curve()
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(0.03)


def test_volume_leads_the_budget():
    lines = budget(worked_dose())
    assert lines[0].source == "volume:sphere"
    assert sum(line.share for line in lines) == pytest.approx(1)
