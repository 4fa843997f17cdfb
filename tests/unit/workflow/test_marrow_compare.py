from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from theradose.errors import StudyError
from theradose.quantify.samples import SampleOptions
from theradose.report.marrow_comparison import TreatmentName
from theradose.simulate.blood import simulate_blood_cohort, write_blood_cohort
from theradose.simulate.marrow_vois import simulate_marrow_vois, write_marrow_vois
from theradose.statistics.agreement import bland_altman
from theradose.workflow.marrow import BloodMarrowOptions
from theradose.workflow.marrow_compare import compare_marrow
from theradose.workflow.marrow_compare_document import TABLES, comparison_document
from theradose.workflow.marrow_compare_files import write_comparison
from theradose.workflow.marrow_vois import VoiMarrowOptions

BLOOD = BloodMarrowOptions("Lu-177", SampleOptions())
IMAGE = VoiMarrowOptions("Lu-177")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve treatments of three patients; the last treatment has no images."""
    path = tmp_path_factory.mktemp("cohort")
    blood = simulate_blood_cohort(seed=177, treatments=12)
    write_blood_cohort(blood, path / "blood.csv", path / "treatments.csv")
    write_marrow_vois(simulate_marrow_vois(blood, seed=178)[:-1], path / "vois.csv")
    return path


@pytest.fixture(scope="module")
def cohort(folder):
    return compare_marrow(
        [folder / "blood.csv"], [folder / "vois.csv"], BLOOD, IMAGE, treatments=folder / "treatments.csv"
    )


def test_every_model_of_both_methods(cohort):
    ours, published = cohort.comparison.ours, cohort.comparison.published
    assert cohort.comparison.treatments == {"blood": 12, "image": 11, "both": 11}
    for analysis in (ours, published):
        for model in ("mono", "bi"):
            assert len(analysis.of("image", model).treatments) >= 10
        refused = analysis.of("image", "tri")
        assert not len(refused.mgy_per_gbq) and len(refused.left_out) == 11
        assert "6 parameters" in refused.reason and "4 points" in refused.reason
    assert ours.of("image", "bi").flags["no-degrees-of-freedom"] == 11
    assert "treatments-unpaired" in {finding.code for finding in cohort.comparison.findings}


def test_last_image_matters_where_it_can_be_dropped_and_is_refused_where_not(cohort):
    for analysis in (cohort.comparison.ours, cohort.comparison.published):
        mono, bi = analysis.late_of("image", "mono"), analysis.late_of("image", "bi")
        assert len(mono.percent) == 11 and not len(bi.percent)
        assert "4 parameters" in bi.reason and "3 points" in bi.reason
    assert np.median(np.abs(cohort.comparison.ours.late_of("image", "mono").percent)) > 0.5


def test_late_samples_do_not_move_the_unweighted_mono_and_why(cohort):
    comparison = cohort.comparison
    unweighted, weighted = comparison.published.late_of("blood", "mono"), comparison.ours.late_of("blood", "mono")
    assert np.median(np.abs(unweighted.percent)) < 0.005
    assert np.ptp(weighted.percent) > 10
    assert "0.00 %" in comparison.late_explained[0]
    assert comparison.example is not None and comparison.example.late.any()


def test_agreement_counts_patients(cohort):
    pair = cohort.comparison.ours.agreement_of("image bi", "blood bi")
    again = bland_altman(pair.values[0], pair.values[1], subjects=pair.subjects)
    assert pair.absolute.bias == again.bias
    assert (pair.absolute.pairs, pair.absolute.subjects) == (11, 3)
    assert pair.absolute.bias.value > 0 and pair.pearson.value > 0.5
    assert cohort.comparison.ours.agreement_of("blood mono", "blood bi") is not None


def test_first_and_last_cycle(cohort):
    cycles = cohort.comparison.ours.cycles_of("blood", "bi")
    doses = cohort.comparison.ours.of("blood", "bi").by_treatment()
    assert cycles.subjects == ("V001", "V002", "V003")
    assert cycles.first[0] == doses[TreatmentName("V001", "1")]
    assert cycles.last[0] == doses[TreatmentName("V001", "4")]
    assert 0 < cycles.p <= 1


def test_reasons_of_the_gap(cohort):
    reasons = {reason.name: reason for reason in cohort.comparison.gap}
    assert reasons["absorbed fraction"].factor == pytest.approx(1.76, abs=5e-3)
    product = reasons["absorbed fraction"].factor * reasons["specific uptake"].factor
    assert product == pytest.approx(reasons["observed"].factor)
    assert all(reason.source for reason in reasons.values())
    assert 1.5 < cohort.comparison.gap_ratio[0] < 4.5


def test_document_and_files(cohort, tmp_path):
    document = comparison_document(cohort, as_published=True)
    assert "as_published" not in comparison_document(cohort, as_published=False)
    assert document["as_published"]["printed"]["table_3_blood"]["bi"] == [20.5, 9.4, 73.4]
    for item in document["as_published"]["doses"]:
        assert item["method"] == "image" or item["r_squared"]["n"] > 0
    files = write_comparison(cohort, document, tmp_path / "out", as_published=True)
    assert {path.name for path in files} == {
        "marrow_compare.pdf", "marrow_compare.json", *(f"{name}.csv" for name in TABLES)
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "marrow_compare.json").read_text(encoding="utf-8")) == document
    with (tmp_path / "out" / "marrow_doses.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["analysis"] for row in rows} == {"weighted", "as-published"}
    assert sum(row["method"] == "image" and row["model"] == "tri" for row in rows) == 0


def test_nothing_in_common_is_refused(folder, tmp_path):
    path = tmp_path / "vois.csv"
    text = (folder / "vois.csv").read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([text[0], *text[1:5]]).replace("V001", "W001"), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        compare_marrow([folder / "blood.csv"], [path], BLOOD, IMAGE)
    assert caught.value.code == "nothing-in-common"


def test_a_single_pair_has_no_limits_of_agreement(tmp_path):
    blood = simulate_blood_cohort(seed=1, treatments=1)
    write_blood_cohort(blood, tmp_path / "blood.csv", tmp_path / "treatments.csv")
    write_marrow_vois(simulate_marrow_vois(blood, seed=2), tmp_path / "vois.csv")
    tables = [tmp_path / "blood.csv"], [tmp_path / "vois.csv"]
    cohort = compare_marrow(*tables, BLOOD, IMAGE, treatments=tmp_path / "treatments.csv")
    assert not cohort.comparison.ours.agreements
    assert "agreement-too-few" in {finding.code for finding in cohort.comparison.findings}
    write_comparison(cohort, comparison_document(cohort, as_published=True), tmp_path / "out", as_published=True)


def test_plasma_is_named_as_a_reason(folder, tmp_path):
    text = (folder / "blood.csv").read_text(encoding="utf-8").splitlines()
    rows = [line for line in text[1:] if line.startswith("V001,")]
    path = tmp_path / "plasma.csv"
    lines = [f"{text[0]},haematocrit", *(f"{line.replace('blood', 'plasma')},0.4" for line in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    tables = [path], [folder / "vois.csv"]
    comparison = compare_marrow(*tables, BLOOD, IMAGE, treatments=folder / "treatments.csv").comparison
    reason = next(reason for reason in comparison.gap if reason.name == "specimen")
    assert reason.factor == pytest.approx(1 / 0.6)
    published, ours = (analysis.of("blood", "mono").mgy_per_gbq for analysis in (comparison.published, comparison.ours))
    assert len(published) == len(ours) == 4
