"""What commands print beside results."""

import pytest

from theradose.cli.output import print_findings
from theradose.model.finding import Finding

FINDINGS = (
    Finding("mass-unverified", "warning", "A mass.", "liver"),
    Finding("probe-calibrated", "info", "A probe."),
    Finding("marrow-remainder-negative", "critical", "A remainder."),
)


@pytest.mark.parametrize(("with_info", "lines"), [(False, (0, 2)), (True, (0, 1, 2))])
def test_findings_go_to_standard_error_with_their_place(capsys, with_info, lines):
    printed = ("warning: liver: A mass. [mass-unverified]", "info: A probe. [probe-calibrated]",
               "critical: A remainder. [marrow-remainder-negative]")  # fmt: skip
    print_findings(FINDINGS, with_info=with_info)
    captured = capsys.readouterr()
    assert (captured.out, captured.err.splitlines()) == ("", [printed[i] for i in lines])
