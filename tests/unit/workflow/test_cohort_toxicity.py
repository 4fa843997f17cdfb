"""Toxicity and foci from their tables, or the site's database, to document and files."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from theradose.errors import StudyError, TheradoseError
from theradose.model.cohort import IDENTIFIED, RegionRecord, TreatmentRecord
from theradose.store.database.cohort import open_cohort
from theradose.store.pseudonyms import make_secret
from theradose.workflow.cohort_foci import FociOptions, foci_of_cohort
from theradose.workflow.cohort_foci_document import foci_document, write_foci
from theradose.workflow.cohort_records import Identity
from theradose.workflow.cohort_toxicity import ToxicityOptions, toxicity_of_cohort
from theradose.workflow.cohort_toxicity_document import toxicity_document, write_toxicity

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples"
TABLES = EXAMPLES / "toxicity"
OPTIONS = ToxicityOptions(
    counts=TABLES / "counts.csv",
    doses=TABLES / "doses.csv",
    patients=TABLES / "patients.csv",
    lower_limits={("platelets", None): 150.0, ("haemoglobin", "F"): 12.0, ("haemoglobin", "M"): 13.0},
)
FOCI = FociOptions(
    foci=TABLES / "foci.csv",
    blood=EXAMPLES / "blood" / "cohort.csv",
    treatments=EXAMPLES / "blood" / "treatments.csv",
    nuclide="Lu-177",
)


@pytest.fixture(scope="module")
def report():
    return toxicity_of_cohort(replace(OPTIONS, forecast="V003"))


def test_the_document_holds_what_the_format_describes(report):
    document = json.loads(json.dumps(toxicity_document(report), allow_nan=False))
    assert document["schema"] == "theradose/toxicity/1"
    assert len(document["patients"]) == 16
    course = document["patients"][0]["counts"]["platelets"]
    assert len(course["t_d"]) == len(course["values"]) == len(course["influenced"])
    assert len(course["cycles"]) == 4 and course["therapy"]["cycle"] is None
    relations = document["relations"]
    assert len(relations) == 80
    assert all(item["dose_at_half_gy"] is None for item in relations if not item["significant"])
    assert all((item["slope_per_gy"] is None) == bool(item["reason"]) for item in relations)
    assert [item["quantity"] for item in document["forecasts"]] == ["wbc", "neutrophils", "platelets"]
    assert {item["prior"]["status"] for item in document["forecasts"]} == {"illustrative"}
    assert {"response-illustrative", "relations-multiple"} <= {item["code"] for item in document["findings"]}
    assert {item["status"] for item in document["constants"]} == {"unverified", "illustrative"}


def test_the_files_of_the_folder(report, tmp_path):
    document = toxicity_document(report)
    written = write_toxicity(report, document, tmp_path / "out")
    assert [path.name for path in written] == [
        "report.pdf", "report.json", "courses.csv", "relations.csv", "correlations.csv",
    ]  # fmt: skip
    assert json.loads(written[1].read_text(encoding="utf-8")) == json.loads(json.dumps(document))
    assert written[0].read_bytes().startswith(b"%PDF")
    rows = written[2].read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 16 * 5 * (4 + 1)


def test_a_risk_with_too_few_patients_is_refused():
    with pytest.raises(TheradoseError, match="50 patients") as refused:
        toxicity_of_cohort(replace(OPTIONS, risk="platelets"))
    assert refused.value.code == "risk-too-few"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"doses": None}, "doses-source"),
        ({"database": "x.sqlite"}, "doses-source"),
        ({"forecast": "nobody"}, "forecast-patient"),
    ],
)
def test_options_that_do_not_fit_are_refused(changes, code):
    with pytest.raises(StudyError) as refused:
        toxicity_of_cohort(replace(OPTIONS, **changes))
    assert refused.value.code == code


def treatments(identity):
    """Two patients with two cycles each, as runs would have added them."""
    records = []
    for number, patient in enumerate(("A", "B")):
        for cycle in (1, 2):
            start = datetime(2026, 1, 5, 10) + timedelta(days=56 * (cycle - 1))
            regions = (
                RegionRecord("red-marrow-by-image", "organ", dose_gy=0.3 + 0.1 * number, effective_half_life_h=36.0),
                RegionRecord("red-marrow-by-blood", "organ", dose_gy=0.1),
                RegionRecord("spleen", "organ", dose_gy=7.0),
                RegionRecord("kidneys", "organ", dose_gy=4.0),
            )
            records.append(
                TreatmentRecord(
                    patient=identity.patient(patient), cycle=cycle, identity=identity.mark, therapy="lu177-dotatate",
                    nuclide="Lu-177", activity_mbq=7400.0,
                    administered_at=identity.moment(patient, start).isoformat(), run=f"{patient}{cycle}",
                    input_hash=None, result_sha256="0", software="0", source_sha256=None, engine=None,
                    calibration=None, replaces=None, regions=regions,
                )
            )  # fmt: skip
    return records


@pytest.mark.parametrize("pseudonyms", [False, True])
def test_doses_of_a_database_meet_the_counts_of_its_patients(tmp_path, pseudonyms):
    secret = tmp_path / "secret"
    identity = Identity(make_secret(secret) if pseudonyms else None)
    place = str(tmp_path / "site.sqlite")
    with open_cohort(place, identity=lambda: identity.mark) as database:
        for record in treatments(identity):
            database.add(record)
    counts = tmp_path / "counts.csv"
    counts.write_text(
        "patient,date,platelets_1e9_l\nA,2026-01-05,250\nA,2026-01-26,180\nA,2026-03-20,150\nB,2026-01-04,240\n"
        "B,2026-02-02,230\n"
    )
    options = ToxicityOptions(counts=counts, database=place, secret=secret if pseudonyms else None)
    found = toxicity_of_cohort(options)
    assert (identity.mark == IDENTIFIED) is not pseudonyms
    assert found.analysis.exposures == ("red-marrow by image", "red-marrow by blood", "spleen")
    first = next(item for item in found.patients if item.patient == identity.patient("A"))
    assert first.clock.start_d == (0.0, 56.0)
    therapy = first.course("platelets").therapy
    assert (therapy.baseline, therapy.nadir) == (250, 150)
    assert therapy.nadir_d == 74


def test_foci_with_the_dose_rate_of_the_marrow_laboratory():
    report = foci_of_cohort(FOCI)
    document = json.loads(json.dumps(foci_document(report), allow_nan=False))
    assert [item["treatment"] for item in document["treatments"]] == ["P001 cycle 1", "P001 cycle 2"]
    for item in document["treatments"]:
        # The example was simulated with 0.015 per mGy, 3 h and 5 %.
        fit = item["fit"]
        assert fit["induction_per_mgy"]["low"] < 0.015 < fit["induction_per_mgy"]["high"]
        assert fit["repair_half_life_h"]["low"] < 3.0 < fit["repair_half_life_h"]["high"] + 0.1
        assert item["samples"][0]["blood_dose_mgy"] == 0
    assert document["line"]["slope_per_mgy"]["value"] < 0.015
    codes = {item["code"] for item in document["findings"]}
    assert "foci-self-dose" in codes and not any(code.startswith("marrow-") for code in codes)


def test_foci_files(tmp_path):
    report = foci_of_cohort(replace(FOCI, errors="poisson", unrepaired=0.05))
    written = write_foci(report, foci_document(report), tmp_path)
    assert [path.name for path in written] == ["report.pdf", "report.json", "samples.csv"]
    assert len(written[2].read_text(encoding="utf-8").splitlines()) == 19


def test_stated_doses_need_no_blood_samples(tmp_path):
    table = tmp_path / "foci.csv"
    table.write_text(
        "patient,t_h,cells,foci,blood_dose_mgy\nA,-1,500,150,\nA,1,500,230,10\nA,4,500,310,20\nA,24,500,200,45\n"
    )
    report = foci_of_cohort(FociOptions(foci=table))
    assert report.treatments[0].fit is None
    # 0.3, 0.46 and 0.62 per cell at 0, 10 and 20 mGy: a line of 0.016 per mGy; the sample after 24 h is left out.
    assert report.line.slope_per_mgy.value == pytest.approx(0.016, rel=1e-9)
    assert report.line.background == pytest.approx({"A": 0.3})


@pytest.mark.parametrize(
    ("changes", "code"), [({"blood": None}, "foci-dose-missing"), ({"nuclide": None}, "foci-nuclide")]
)
def test_foci_without_a_dose_are_refused(changes, code):
    with pytest.raises(StudyError) as refused:
        foci_of_cohort(replace(FOCI, **changes))
    assert refused.value.code == code
