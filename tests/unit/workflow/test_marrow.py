from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theradose.errors import StudyError
from theradose.nuclides import load_nuclide
from theradose.quantify.samples import SampleOptions
from theradose.simulate.blood import simulate_blood_cohort, write_blood_cohort
from theradose.uncertainty import Uncertain
from theradose.workflow.marrow import BloodMarrowOptions, blood_marrow
from theradose.workflow.marrow_document import blood_document
from theradose.workflow.marrow_published import published_analysis

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "blood"
LUTETIUM = load_nuclide("Lu-177")


def options(**changes):
    return BloodMarrowOptions(nuclide="Lu-177", samples=SampleOptions(), **changes)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Treatments and their truth: enough for the order of medians, and fast."""
    folder = tmp_path_factory.mktemp("cohort")
    truth = simulate_blood_cohort(seed=177, treatments=20)
    write_blood_cohort(truth, folder / "blood.csv", folder / "treatments.csv")
    return truth, blood_marrow([folder / "blood.csv"], options(), treatments=folder / "treatments.csv")


def test_table_of_treatments_comes_before_the_options():
    first, second = blood_marrow(
        [EXAMPLES / "cohort.csv"], options(activity_mbq=1.0, sex="M"), treatments=EXAMPLES / "treatments.csv"
    )
    assert first.treatment.activity_mbq == 7400 and first.treatment.sex == "F"
    assert first.dose.cross_gy is not None and second.dose.cross_gy is None
    assert "marrow-cross-dose-missing" in second.flags


def test_infusion_lowers_the_area(tmp_path):
    path = tmp_path / "blood.csv"
    path.write_text("t_h,concentration_mbq_l,specimen\n0.5,100,blood\n1.5,50,blood\n2.5,25,blood\n", encoding="utf-8")
    (bolus,) = blood_marrow([path], options(models=("mono",)))
    (infused,) = blood_marrow([path], options(models=("mono",), infusion_h=0.5))
    # A half-life of 1 h and half an hour of infusion: SCIENCE §2 prints ×1.195.
    assert bolus.tia.value.value / infused.tia.value.value == pytest.approx(1.195, abs=5e-4)
    assert "infusion-not-stated" in {finding.code for finding in bolus.findings}


@pytest.mark.parametrize(("activity", "flagged"), [(None, False), (7400.0, False), (7.4, True)])
def test_blood_that_holds_more_than_was_administered_is_critical(tmp_path, activity, flagged):
    path = tmp_path / "blood.csv"
    path.write_text("t_h,concentration_mbq_l,specimen\n0.5,100,blood\n1.5,50,blood\n2.5,25,blood\n", encoding="utf-8")
    (result,) = blood_marrow([path], options(models=("mono",), activity_mbq=activity))
    found = {finding.code: finding.severity for finding in result.findings}
    assert (found.get("sample-above-administered") == "critical") is flagged


def test_models_follow_the_number_of_samples(tmp_path):
    path = tmp_path / "blood.csv"
    rows = "".join(f"{t},{c},blood\n" for t, c in ((0.5, 100), (1, 80), (4, 30), (24, 8), (48, 3)))
    path.write_text("t_h,concentration_mbq_l,specimen\n" + rows, encoding="utf-8")
    (result,) = blood_marrow([path], options())
    assert [fit.model for fit in result.tia.fits] == ["mono", "bi"]


def test_treatment_without_a_row_is_refused(tmp_path):
    path = tmp_path / "treatments.csv"
    path.write_text("subject,cycle,activity_mbq\nP001,1,7400\n", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        blood_marrow([EXAMPLES / "cohort.csv"], options(), treatments=path)
    assert caught.value.code == "treatment-missing"


def test_one_whole_body_for_several_treatments_is_refused():
    with pytest.raises(StudyError) as caught:
        blood_marrow([EXAMPLES / "cohort.csv"], options(whole_body_tia_mbq_h=Uncertain(2e5)))
    assert caught.value.code == "whole-body-of-several"


def test_document_has_the_promised_keys(cohort):
    document = blood_document(cohort[1], LUTETIUM, method="s-value")
    promised = {"subject", "model", "tia_mbq_h_per_l", "specimen", "rmblr", "self_gy", "cross_gy",
                "dose_per_activity_gy_gbq", "flags"}  # fmt: skip
    for treatment in document["treatments"]:
        assert promised <= set(treatment)
        assert treatment["cross_gy"] == {"value": None, "u": None}
    assert all(constant["source"] and constant["status"] for constant in document["constants"])


def test_bi_exponential_converges_on_all_and_is_right_where_the_samples_reach(cohort):
    """The truth is bi-exponential; where the last sample lies two half-lives of the last phase out, 5 % noise on six to
    nine samples leaves the area within 25 % (about four standard deviations)."""
    deviations = []
    for true, result in zip(*cohort, strict=True):
        (fit,) = [fit for fit in result.tia.fits if fit.model == "bi"]
        if true.t_h[-1] >= 2 * fit.effective_half_life_h:
            deviations.append(np.log(fit.tia_mbq_h / true.area_mbq_h_per_l))
    assert len(deviations) >= 18
    assert max(np.abs(deviations)) < 0.25
    assert abs(np.median(deviations)) < 0.03


def test_order_of_the_models_medians(cohort):
    medians = blood_document(cohort[1], LUTETIUM, method="s-value")["cohort"]["self_gy_per_gbq"]
    assert medians["mono"]["median"] < medians["bi"]["median"]
    assert medians["tri"]["median"] >= 0.99 * medians["bi"]["median"]


def test_published_analysis_finds_late_samples_irrelevant_and_why(cohort):
    """Unweighted, a mono-exponential does not move without late samples but is biased; weighted, it does move."""
    _, results = cohort
    analysis = published_analysis(results[:12], LUTETIUM)
    late = analysis["late_samples"]
    unweighted, weighted = late["table_5_percent"]["mono"], late["weighted_percent"]["mono"]
    assert abs(unweighted["median"]) < 0.01 and max(-unweighted["min"], unweighted["max"]) < 2
    assert weighted["max"] - weighted["min"] > 20
    table = analysis["table_3_mgy_per_gbq"]
    assert table["mono"]["median"] < table["bi"]["median"]
    assert table["mono"]["median"] < 0.8 * analysis["ours_mgy_per_gbq"]["bi"]["median"]
    assert analysis["r_squared"]["mono"]["median"] > 0.95
