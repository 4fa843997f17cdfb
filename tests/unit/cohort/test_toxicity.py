"""Relations of counts and dose on virtual patients of known truth."""

import numpy as np
import pytest

from theradose.cohort.counts import count_courses
from theradose.cohort.relations import toxicity_constant
from theradose.cohort.toxicity import analyse_toxicity
from theradose.cohort.toxicity_rows import toxicity_rows
from theradose.formats.tables_counts import read_counts, read_cycle_doses
from theradose.statistics.design import Factor, Numeric, build_design
from theradose.statistics.linear.regression import fit_linear

IMAGE = "red-marrow by image"


@pytest.fixture(scope="module")
def analysis(related):
    patients, doses, facts = related
    return analyse_toxicity(patients, doses=doses, facts=facts, grade=2)


def find(analysis, quantity, exposure, response, span):
    (relation,) = [
        item
        for item in analysis.relations
        if (item.quantity, item.exposure, item.response, item.span) == (quantity, exposure, response, span)
    ]
    return relation


def test_every_count_is_related_to_every_dose_in_both_ways(analysis):
    assert analysis.exposures == (IMAGE, "red-marrow by blood", "spleen", "total-body")
    assert analysis.covariates == ("skeletal_metastases", "prior_chemotherapy")
    assert len(analysis.relations) == 5 * 4 * 2 * 2
    assert len(analysis.correlations) == 5 * 4


def test_the_dose_that_lowers_counts_is_found_and_others_are_not(analysis):
    assert find(analysis, "lymphocytes", IMAGE, "decline", "therapy").significant
    assert find(analysis, "platelets", IMAGE, "decline", "cycle").significant
    for quantity in ("haemoglobin", "platelets", "lymphocytes"):
        for exposure in ("spleen", "total-body"):
            assert not find(analysis, quantity, exposure, "decline", "therapy").significant


def test_the_relation_over_therapy_is_the_regression_with_covariates(analysis, related):
    patients, _, facts = related
    rows = toxicity_rows(patients, "platelets", "therapy", facts)
    design = build_design(
        [
            Numeric("dose_gy", np.array([row.dose_gy[IMAGE] for row in rows])),
            *(
                Factor(name, ["yes" if getattr(row.facts, name) else "no" for row in rows], reference="no")
                for name in analysis.covariates
            ),
        ]
    )
    fit = fit_linear(response=[row.counts.relative_decline for row in rows], design=design)
    relation = find(analysis, "platelets", IMAGE, "decline", "therapy")
    assert relation.slope_per_gy.value == pytest.approx(fit.effects[1].value, rel=1e-12)
    assert relation.covariates["prior_chemotherapy"].p == pytest.approx(fit.effects[3].p, rel=1e-12)
    assert relation.patients == relation.rows == 30


def test_p_values_are_adjusted_for_all_relations_that_were_estimated(analysis):
    tested = analysis.tested
    smallest = min(tested, key=lambda item: item.slope_per_gy.p)
    assert smallest.p_adjusted == pytest.approx(len(tested) * smallest.slope_per_gy.p)
    assert all(item.p_adjusted >= item.slope_per_gy.p for item in tested)
    message = next(finding.message for finding in analysis.findings if finding.code == "relations-multiple")
    assert message.startswith(f"{len(tested)} relations were estimated")


def test_no_dose_is_stated_without_a_relation(analysis):
    for relation in analysis.relations:
        assert relation.dose_at_half is None or relation.significant


def test_rows_that_had_the_grade_before_are_not_at_risk(related):
    patients, _, facts = related
    rows = toxicity_rows(patients, "lymphocytes", "cycle", facts)
    before = [row for row in rows if (row.counts.baseline_grade or 0) >= 2]
    assert before
    assert all(row.has_grade(2) is None for row in before)


def test_counts_without_any_relation_have_no_threshold(cohort):
    patients, doses, facts = cohort(patients=20, seed=9, alpha_scale=0.0)
    analysis = analyse_toxicity(patients, doses=doses, facts=facts)
    assert not [item for item in analysis.relations if item.significant]
    assert "relations-none" in {finding.code for finding in analysis.findings}


def test_a_strong_relation_of_a_grade_states_its_dose_with_an_interval(cohort):
    patients, doses, facts = cohort(patients=100, cycles=2, seed=12, alpha_scale=1.2)
    analysis = analyse_toxicity(patients, doses=[d for d in doses if d.method == "image"], facts=facts, grade=2)
    relation = find(analysis, "lymphocytes", IMAGE, "grade", "therapy")
    assert relation.significant
    half = relation.dose_at_half
    assert half.low < half.value < half.high
    assert 0.1 < half.value < 3


def test_few_patients_are_refused_with_the_reason(related):
    patients, doses, facts = related
    few = patients[: int(toxicity_constant("fewest_patients")) - 1]
    names = {patient.patient for patient in few}
    analysis = analyse_toxicity(few, doses=[d for d in doses if d.patient in names], facts=facts)
    assert not analysis.tested
    assert all("patients, fewer than" in item.reason for item in analysis.relations)
    assert "relations-refused" in {finding.code for finding in analysis.findings}


def test_covariates_that_are_not_known_or_do_not_differ_are_left_out(related):
    patients, doses, facts = related
    analysis = analyse_toxicity(patients[:12], doses=doses, facts={})
    assert analysis.covariates == ()
    left_out = [finding for finding in analysis.findings if finding.code == "covariate-left-out"]
    assert len(left_out) == 2 and "12 of 12" in left_out[0].message


def without_effect(folder, seed):
    """Return 30 patients with 1 to 8 cycles whose counts fall by 6 % with every cycle, whatever its dose."""
    rng = np.random.default_rng(seed)
    counts, doses = ["patient,t_d,platelets_1e9_l"], ["patient,cycle,t_d,region,method,dose_gy"]
    for patient in range(30):
        cycles = int(np.clip(rng.poisson(3.5), 1, 8))
        dose, before = 0.3 * np.exp(0.3 * rng.standard_normal()), 220 * np.exp(0.25 * rng.standard_normal())
        doses += [f"P{patient},{k + 1},{56 * k},red-marrow,image,{dose:.4g}" for k in range(cycles)]
        counts.append(f"P{patient},-7,{before:.4g}")
        for day in (56 * k + d for k in range(cycles) for d in (14, 28, 42)):
            fallen = before * np.exp(-0.06 * (day // 56 + 1) + 0.2 * rng.standard_normal())
            counts.append(f"P{patient},{day},{fallen:.4g}")
    (folder / "counts.csv").write_text("\n".join(counts) + "\n")
    (folder / "doses.csv").write_text("\n".join(doses) + "\n")
    given = read_cycle_doses(folder / "doses.csv")
    patients, _ = count_courses(
        read_counts(folder / "counts.csv"), given, facts={}, lower_limits={("platelets", None): 150.0}
    )
    return analyse_toxicity(patients, doses=given, facts={})


def test_more_cycles_are_no_effect_of_the_dose(tmp_path):
    """Of 20 cohorts without effect at most 4 may have p below 0.05: more have a probability of 0.3 % by chance."""
    small = 0
    for seed in range(20):
        analysis = without_effect(tmp_path, seed)
        relation = find(analysis, "platelets", IMAGE, "decline", "therapy")
        small += relation.slope_per_gy.p < 0.05
        assert "number of cycles held" in relation.notes
        assert "cycles-differ" in {finding.code for finding in analysis.findings}
        assert all(item.p_adjusted is None for item in analysis.correlations)
    assert small <= 4
