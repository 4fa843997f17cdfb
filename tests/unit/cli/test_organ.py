from pathlib import Path

import numpy as np
import pytest

from theradose.dose.engines import dose_engines
from theradose.formats.nifti import write_nifti
from theradose.formats.s_table import read_s_table
from theradose.model.grid import Grid, Volume

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "organs"


def test_doses_with_the_built_in_table(command):
    answer = command("organ", "doses", EXAMPLES / "activities.csv", "--nuclide", "Lu-177", "--sex", "M", "--json")
    assert answer.code == 0
    doses = {dose["target"]: dose for dose in answer.document["doses"]}
    # 17 500 MBq h in 310 g: S of the reference man, whose kidneys have that mass.
    assert doses["kidneys"]["dose_gy"]["value"] == pytest.approx(17_500 * 7.76e-5 * 3.6)
    assert doses["kidneys"]["reference_mass_g"] == 310
    assert set(doses["red-marrow"]["components_gy"]) == {"kidneys", "liver", "spleen", "remainder"}
    assert answer.document["not_included"]
    assert all(constant["source"] for constant in answer.document["constants"])


def test_doses_with_a_users_table_and_mass(command):
    answer = command(
        "organ", "doses", EXAMPLES / "activities.csv", "--nuclide", "Lu-177", "--sex", "M", "--s-u", "10 %",
        "--s-table", EXAMPLES / "olinda.csv", "--mass", "spleen=300 g", "--reference", "OLINDA 2", "--json",
    )  # fmt: skip
    assert answer.code == 0
    doses = {dose["target"]: dose for dose in answer.document["doses"]}
    assert set(doses["spleen"]["components_gy"]) == {"kidneys", "liver", "spleen", "remainder"}
    own = doses["spleen"]["components_gy"]["spleen"]["value"]
    assert own == pytest.approx(11_000 * 1.60e-4 * 3.6 / 2, rel=0.02)
    assert {finding["code"] for finding in answer.document["findings"]} >= {"s-table-sievert", "s-table-mass-assumed"}
    assert answer.document["s_table"]["source"] == "OLINDA 2"


def test_table_of_doses_is_printed(command):
    answer = command("organ", "doses", EXAMPLES / "activities.csv", "--nuclide", "Lu-177")
    assert answer.code == 0
    assert any(line.startswith("kidneys") for line in answer.out.splitlines())
    assert "organ-mass-reference" in answer.err


def test_import_writes_our_layout(command, tmp_path):
    out = tmp_path / "s.csv"
    answer = command("organ", "import", EXAMPLES / "olinda.csv", "--nuclide", "Lu-177", "--sex", "M", "--out", out)
    assert answer.code == 0
    again = command(
        "organ", "doses", EXAMPLES / "activities.csv", "--nuclide", "Lu-177", "--s-table", out, "--json"
    )  # fmt: skip
    direct = command(
        "organ", "doses", EXAMPLES / "activities.csv", "--nuclide", "Lu-177", "--sex", "M", "--s-table",
        EXAMPLES / "olinda.csv", "--json",
    )  # fmt: skip
    for one, other in zip(again.document["doses"], direct.document["doses"], strict=True):
        assert one["dose_gy"]["value"] == pytest.approx(other["dose_gy"]["value"], rel=1e-12)


@pytest.fixture
def s_values(command, tmp_path):
    """Run the command on maps of two organs in soft tissue."""
    grid = Grid.axis_aligned((6, 6, 6), (4.0, 4.0, 4.0))
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:3, 1:5, 1:5], labels[4, 1:5, 1:5] = 1, 2
    write_nifti(Volume(labels, grid), tmp_path / "labels.nii.gz")
    write_nifti(Volume(np.full(grid.shape, 1.05, np.float32), grid), tmp_path / "rho.nii.gz")

    def run(*words):
        return command(
            "organ", "s-values", "--density", tmp_path / "rho.nii.gz", "--regions", tmp_path / "labels.nii.gz",
            "--region-names", "1=liver,2=spleen", "--nuclide", "Lu-177", "--out", tmp_path / "new" / "s.csv", *words,
        )  # fmt: skip

    return run


def test_s_values_of_a_patient(command, s_values, tmp_path):
    out = tmp_path / "new" / "s.csv"
    answer = s_values("--json")
    assert answer.code == 0
    assert answer.document["s_table"]["mass_g"]["liver"] == pytest.approx(32 * 0.064 * 1.05, rel=1e-6)
    activities = tmp_path / "a.csv"
    activities.write_text("region,tia_mbq_h\nliver,10\n")
    doses = command("organ", "doses", activities, "--nuclide", "Lu-177", "--s-table", out, "--json").document["doses"]
    # 0.0851 Gy g/(MBq h) of 177Lu, to the printed digits.
    assert doses[0]["dose_gy"]["value"] == pytest.approx(10 * 0.0851 / (32 * 0.064 * 1.05), rel=1e-3)


def test_s_values_of_an_engine_that_samples(fake_engines, s_values, tmp_path):
    answer = s_values("--engine", "sampled", "--histories", "100", "--seed", "3", "--json")
    assert answer.code == 0
    own, cross = answer.document["s_values"][:2]
    assert (own["target"], own["source"], cross["target"]) == ("liver", "liver", "spleen")
    # 1 % for 10 000 histories.
    assert own["s_gy_per_mbq_h"]["u"] == pytest.approx(0.1 * own["s_gy_per_mbq_h"]["value"])
    assert cross["s_gy_per_mbq_h"] == {"value": 0, "u": None} and not cross["noisy"]
    assert "s-value-noisy" not in answer.err
    noisy = s_values("--engine", "sampled", "--histories", "81")
    assert "s-value-noisy" in noisy.err
    assert [line.split()[-1] for line in noisy.out.splitlines() if line.split()[:2] == ["liver"] * 2] == ["noisy"]


def test_an_interruption_before_the_first_source_is_finished_writes_nothing(fake_engines, s_values, tmp_path):
    answer = s_values("--engine", "halted")
    assert (answer.code, answer.out) == (130, "")
    assert not (tmp_path / "new" / "s.csv").exists()


def test_finished_sources_are_written_when_the_user_interrupts(fake_engines, s_values, tmp_path, monkeypatch):
    """The second source is interrupted."""
    finished = iter([dose_engines.get("sampled"), dose_engines.get("halted")])
    monkeypatch.setattr(dose_engines, "get", lambda name: lambda request: next(finished)(request))
    answer = s_values("--engine", "sampled", "--json")
    assert answer.code == 130
    assert answer.document["s_table"]["sources"] == ["liver"]
    assert answer.err.splitlines()[-1] == "Interrupted: the table holds the sources that were finished."
    assert read_s_table(tmp_path / "new" / "s.csv").sources == ("liver",)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--engine", "magic"], "unknown-dose-engine"),
        (["--histories", "many"], "option-range"),
        (["--target-u", "2"], "option-range"),
        (["--time-limit", "60"], "unit-missing"),
        (["--device", "abacus"], "transport-settings"),
        (["--material-names", "1=lung"], "material-names"),
        (["--density", "absent.nii.gz"], "file-missing"),
        (["--region-names", "liver"], "option-labels"),
    ],
)
def test_wrong_options_of_s_values(s_values, tmp_path, words, code):
    answer = s_values(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith(f". [{code}]\n") and len(answer.err.splitlines()) == 1
    assert not (tmp_path / "new" / "s.csv").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mass", "kidneys"], "kidneys=310 g"),
        (["--mass", "kidneys=-3"], "positive"),
        (["--nuclear-data", "endf"], "ddep"),
        (["--s-table", "absent.csv"], "absent.csv"),
        (["--s-u", "110 %"], "--s-u"),
    ],
)
def test_wrong_options(command, words, said):
    answer = command("organ", "doses", EXAMPLES / "activities.csv", "--nuclide", "Lu-177", "--sex", "M", *words)
    assert answer.code == 2
    assert said in answer.err


@pytest.mark.parametrize(
    "rows", ["liver,10\nliver,5\n", "liver,-1\n", "liver,\n", ",10\n", "whole-body,10\nTotal Body,10\n"]
)
def test_wrong_activities(command, tmp_path, rows):
    path = tmp_path / "a.csv"
    path.write_text(f"region,tia_mbq_h\n{rows}")
    answer = command("organ", "doses", path, "--nuclide", "Lu-177", "--sex", "M")
    assert answer.code == 2
    assert answer.out == ""
