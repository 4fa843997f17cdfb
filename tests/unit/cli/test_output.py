"""What commands print beside results."""

import pytest

from theradose.cli.output import engine_progress, print_findings, progress_as_step, progress_words
from theradose.dose.engines import Progress
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


def test_progress_of_an_engine_is_drawn_on_a_terminal_only(capsys, monkeypatch):
    halfway = Progress(0.5, 3_400_000, 0.008)
    with engine_progress("montecarlo") as progress:
        assert progress is None
    assert progress_as_step(print) is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with engine_progress("montecarlo") as progress:
        progress(halfway)
    steps = []
    progress_as_step(steps.append)(halfway)
    assert steps == ["dose, 50 %, 3.4e+06 histories, ± 0.8 %"]
    captured = capsys.readouterr()
    assert captured.out == "" and "montecarlo" in captured.err


def test_progress_says_what_is_known():
    assert progress_words(Progress(0.034)) == "3 %"
    assert progress_words(Progress(1.0, 250_000)) == "100 %, 2.5e+05 histories"
