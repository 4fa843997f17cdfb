"""``theradose cohort population``, and its record in ``theradose fit`` and ``theradose marrow blood``."""

import csv

import numpy as np
import pytest

from population_support import LUTETIUM, curves_table, drawn_curves
from theradose.kinetics.compartments import CompartmentForm

SAMPLES = ("subject", "t_h", "concentration_mbq_l", "u_concentration_mbq_l", "specimen", "haematocrit")
FAST = ("--models", "uptake", "--omega", "diagonal")


@pytest.fixture
def curves(tmp_path):
    drawn, _ = drawn_curves(12, (4.0, 24.0, 96.0, 168.0), seed=31, regions=("left-kidney", "right-kidney"))
    return curves_table(tmp_path / "curves.csv", drawn)


def population(command, curves, *options):
    return command("cohort", "population", curves, "--nuclide", "Lu-177", "--activity", "7.4 GBq", *options)


def test_from_curves_to_a_record_to_a_single_point(command, curves, tmp_path):
    out = tmp_path / "kidneys"
    answer = population(command, curves, *FAST, "--therapy", "lu177-dotatate", "--out", out, "--json")
    assert answer.code == 0, answer.err
    document = answer.document
    entry = document["populations"][0]
    assert (entry["form"], entry["patients"], entry["curves"], entry["points"]) == ("uptake", 12, 24, 96)
    assert [row["chosen"] for row in entry["comparison"]] == [True]
    assert {finding["code"] for finding in document["findings"]} == {"population-sides", "population-few-patients"}
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    table = (out / "tables" / "residuals.csv").read_text(encoding="utf-8")
    residuals = list(csv.DictReader(table.splitlines()))
    assert len(residuals) == 96 and residuals[0]["patient"] == "P0"
    drawn, _ = drawn_curves(1, (96.0,), seed=32)
    point = curves_table(tmp_path / "new.csv", drawn)
    answer = command("fit", point, "--nuclide", "Lu-177", "--population", out / "population.json", "--activity",
                     "7.4 GBq", "--json")  # fmt: skip
    assert answer.code == 0, answer.err
    assert answer.document["fits"][0]["chosen"] == "population"


def test_sides_become_two_populations_or_their_sum(command, tmp_path):
    drawn, _ = drawn_curves(8, (4.0, 24.0, 96.0, 168.0), seed=33)
    rows = [
        "subject,region,t_h,activity_mbq,u_mbq",
        *(
            f"{c.patient},{side}-kidney,{t_h:.3f},{7400 * fraction:.5g},{370 * fraction:.5g}"
            for c in drawn
            for side in ("left", "right")
            for t_h, fraction in zip(c.points.t_h, c.points.fraction, strict=True)
        ),
    ]
    table = tmp_path / "pairs.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    for sides, names in (("separate", [["left-kidney"], ["right-kidney"]]), ("sum", [["kidneys"]])):
        document = population(command, table, *FAST, "--sides", sides, "--json").document
        assert [entry["regions"] for entry in document["populations"]] == names


@pytest.fixture
def samples(tmp_path):
    """Plasma of ten patients with two compartments, and of one more with two samples."""
    form = CompartmentForm(2, LUTETIUM.decay_constant_per_h, 0.5, 6.0, elimination_ratio=None)
    rng = np.random.default_rng(34)

    def write(name, patients, times):
        rows = [",".join(SAMPLES)]
        for patient in range(patients):
            phi = np.log([10.0, 0.2, 0.3, 0.08, 1.5]) + rng.normal(0, [0.2, 0.2, 0.2, 0.2, 0.0])
            logs = form.value(np.broadcast_to(phi, (len(times), 5)), np.array(times)[:, None])
            for t_h, value in zip(times, 7400 * np.exp(logs + rng.normal(0, 0.05, len(times))), strict=True):
                rows.append(f"P{patient},{t_h},{value:.6g},{0.05 * value:.6g},plasma,0.42")
        path = tmp_path / name
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        return path

    return write("samples.csv", 10, [0.7, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 48.0]), write("new.csv", 1, [1.0, 24.0])


def test_blood_with_two_samples(command, samples, tmp_path):
    many, few = samples
    given = ("--infusion", "30 min", "--amino-acids-until", "6 h")
    options = (*given, "--blood", "--models", "compartments-2", "--omega", "diagonal", "--method", "lindstrom-bates")
    answer = population(command, many, *options, "--out", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    assert answer.document["populations"][0]["regions"] == ["plasma"]
    record = tmp_path / "out" / "population.json"
    answer = command("marrow", "blood", few, "--nuclide", "Lu-177", "--activity", "7.4 GBq", "--infusion", "30 min",
                     "--population", record, "--json")  # fmt: skip
    assert answer.code == 0, answer.err
    treatment = answer.document["treatments"][0]
    assert treatment["model"] == "population"
    assert treatment["models"][0]["name"] == "compartments-2"
    pair = treatment["tia_mbq_h_per_l"]
    assert 0.02 < pair["u"] / pair["value"] < 0.3
    assert any(line["source"] == "population:plasma" for line in treatment["budget"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--models", "compartments-2"], "population-form"),
        (["--models", "trapezoid"], "population-form"),
        (["--therapy", "none"], "unknown-therapy"),
        (["--infusion", "5 h", *FAST], "population-points"),
    ],
)
def test_what_cannot_be_fitted_is_refused(command, curves, options, code):
    answer = population(command, curves, *options)
    assert answer.code == 2 and f"[{code}]" in answer.err


def test_activities_are_needed(command, curves):
    answer = command("cohort", "population", curves, "--nuclide", "Lu-177")
    assert answer.code == 2 and "[activity-missing]" in answer.err and "P0" in answer.err
    answer = command("fit", curves, "--nuclide", "Lu-177", "--activity", "7.4 GBq")
    assert answer.code == 2 and "[population-option]" in answer.err
