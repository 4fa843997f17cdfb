"""MBq taken for GBq."""

import pytest

from theradose.plan.plausible import implausible_activity


@pytest.mark.parametrize(("activity", "label", "found"), [
    (7400, 7400, 0), (740, 7400, 0), (739, 7400, 1), (37000, 7400, 0), (37001, 7400, 1), (7.4, 7400, 1),
    (7.4e6, 7400, 1),    (400, None, 0), (3.7, None, 1), (3.7e6, None, 1), (30000, None, 0),
])  # fmt: skip
def test_only_what_cannot_be_is_critical(activity, label, found):
    findings = list(implausible_activity(name="given activity", activity_mbq=activity, label_mbq=label))
    assert len(findings) == found
    assert all((item.code, item.severity) == ("activity-implausible", "critical") for item in findings)
