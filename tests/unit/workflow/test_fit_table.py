"""``theradose fit``: many curves, the document of the contract, pages and summary."""

import csv
import math

import numpy as np
import pytest

from theradose.errors import FitError, TheradoseError
from theradose.workflow.fit import fit_table

TIMES = (4, 24, 48, 96, 168)
GOLDEN = (3.05, 2.60, 1.75, 0.78, 0.26)


@pytest.fixture
def table(tmp_path):
    def write(curves):
        path = tmp_path / "curves.csv"
        rows = [
            f"{subject},{region},{t},{a},{0.05 * a}" for (subject, region), points in curves.items() for t, a in points
        ]
        path.write_text("\n".join(["subject,region,t_h,activity_mbq,u_mbq", *rows]) + "\n")
        return path

    return write


def test_document_of_the_worked_example(table):
    """Golden example of the science notes, paragraph 5: 226.655 ± 5.083 MBq h, AICc 15.516, 44.976 h."""
    fitted = fit_table(table({("P1", "kidney"): zip(TIMES, GOLDEN, strict=True)}), nuclide="Lu-177")
    document = fitted.to_json()
    assert document["refused"] == []
    (fit,) = document["fits"]
    assert (fit["subject"], fit["region"]) == ("P1", "kidney")
    assert fit["tia_mbq_h"]["value"] == pytest.approx(226.655, abs=0.05)
    models = {model["name"]: model for model in fit["models"]}
    mono = models["mono"]
    assert mono["tia_mbq_h"] == pytest.approx({"value": 226.655, "u": 5.083}, abs=5e-4)
    assert mono["aicc"] == pytest.approx(15.516, abs=5e-4)
    assert models["bi"]["aicc"] is None
    assert mono["parameters"]["rate_1_per_h"] == pytest.approx(math.log(2) / 44.976, rel=1e-5)
    assert {"name", "parameters", "tia_mbq_h", "aicc", "weight", "flags"} <= set(mono)
    assert sum(model["weight"] for model in fit["models"]) == pytest.approx(1.0)


@pytest.mark.parametrize(("model", "n_points"), [("tri", 4), ("bi", 3), ("uptake", 2)])
def test_more_parameters_than_points_are_refused(table, model, n_points):
    path = table({("P1", "kidney"): zip(TIMES[:n_points], GOLDEN, strict=False)})
    fitted = fit_table(path, nuclide="Lu-177", models=[model])
    assert fitted.fits == ()
    with pytest.raises(FitError, match="parameters but") as refusal:
        fitted.require_complete()
    assert refusal.value.code == "too-few-points"


def test_a_model_too_large_among_others_is_said(table):
    path = table({("P1", "kidney"): zip(TIMES[:4], GOLDEN, strict=False)})
    (fit,) = fit_table(path, nuclide="Lu-177", models=["mono", "bi", "tri"]).to_json()["fits"]
    assert [model["name"] for model in fit["models"]] == ["mono", "bi"]
    assert "model-refused" in fit["flags"]


def test_data_slower_than_physics_are_flagged(table):
    path = table({("P1", "kidney"): [(4, 10.0), (24, 9.9), (96, 10.1), (168, 10.0)]})
    (fit,) = fit_table(path, nuclide="Lu-177").to_json()["fits"]
    assert "clearance-slower-than-decay" in fit["flags"]


def test_one_curve_that_cannot_be_fitted_does_not_stop_the_others(table):
    path = table({("P1", "kidney"): [(24, 5.0)], ("P2", "kidney"): zip(TIMES, GOLDEN, strict=True)})
    fitted = fit_table(path, nuclide="Lu-177")
    assert [page.subject for page in fitted.fits] == ["P2"]
    assert fitted.to_json()["refused"][0]["code"] == "one-time-point"
    with pytest.raises(FitError, match="1 of 2 curves.*'P1'"):
        fitted.require_complete()


def test_infusion_lowers_the_integral(table):
    times = (0.5, 1, 2, 4, 8)
    path = table({("P1", "blood"): [(t, 100 * 0.5**t) for t in times]})
    bolus, infused = (
        fit_table(path, nuclide="Lu-177", models=["mono"], infusion_h=h).fits[0].tia.value.value for h in (0.0, 0.5)
    )
    # The science notes, paragraph 2: half-life 1 h, infusion 0.5 h.
    assert bolus / infused == pytest.approx(1.195, abs=5e-4)


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"nuclide": "Xx-1"}, "nuclide-unknown"), ({"nuclide": "Lu-177", "models": ["magic"]}, "unknown-curve-model")],
)
def test_wrong_names_are_refused(table, asked, code):
    with pytest.raises(TheradoseError) as refusal:
        fit_table(table({("P1", "kidney"): zip(TIMES, GOLDEN, strict=True)}), **asked)
    assert refusal.value.code == code


def test_pages_and_summary(table, tmp_path):
    noise = 1 + 0.05 * np.random.default_rng(3).standard_normal((2, 5))
    curves = {
        (f"P{i}", "kidney"): [(t, a * n) for t, a, n in zip(TIMES, GOLDEN, row, strict=True)]
        for i, row in enumerate(noise)
    }
    seen = []
    path = table(curves)
    first = fit_table(path, nuclide="Lu-177", out=tmp_path / "one", progress=lambda *step: seen.append(step))
    fit_table(path, nuclide="Lu-177", out=tmp_path / "two")
    assert seen[0] == (0, 2)
    assert seen[-1] == (2, 2)
    with (tmp_path / "one" / "fits_summary.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["subject"] for row in rows] == ["P0", "P1"]
    assert float(rows[0]["tia_mbq_h"]) == first.fits[0].tia.value.value
    pdf = (tmp_path / "one" / "curves.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page ") == 2
    assert pdf == (tmp_path / "two" / "curves.pdf").read_bytes()


def test_the_documented_summary_is_what_is_written(request, tmp_path):
    examples = request.config.rootpath / "docs/formats/examples/tables"
    fit_table(examples / "curves.csv", nuclide="Lu-177", out=tmp_path)
    with (examples / "fits_summary.csv").open(newline="") as stream:
        expected = list(csv.DictReader(stream))
    with (tmp_path / "fits_summary.csv").open(newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [list(row) for row in written] == [list(row) for row in expected]
    for row, wanted in zip(written, expected, strict=True):
        assert row["chosen"] == wanted["chosen"]
        assert float(row["tia_mbq_h"]) == pytest.approx(float(wanted["tia_mbq_h"]), rel=1e-6)
