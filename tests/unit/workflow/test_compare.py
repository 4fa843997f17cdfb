"""What changed between two results and why."""

import pytest

from theradose.report.document import read_result, write_result_json
from theradose.workflow.compare import compare_results


@pytest.fixture(scope="module")
def result(tiny_study_run):
    return read_result(tiny_study_run.folder / "result.json")


@pytest.fixture
def compare(result, tmp_path):
    """Return a function that compares the result with a changed copy."""

    def run(changed):
        for name, document in (("one", result), ("two", changed)):
            (tmp_path / name).mkdir()
            write_result_json(document, tmp_path / name / "result.json")
        return compare_results(tmp_path / "one", tmp_path / "two" / "result.json")

    return run


def with_region(result, name, **changes):
    regions = tuple(row.model_copy(update=changes) if row.name == name else row for row in result.regions)
    return result.model_copy(update={"regions": regions})


def rows(comparison):
    return {(row.region, row.quantity): row for row in comparison.rows}


def test_equal_results_differ_in_nothing(compare, result):
    comparison = compare(result)
    assert {row.relative_difference for row in comparison.rows} == {0.0}
    assert comparison.reasons == ("nothing that the results record differs",)


def test_differences_are_relative_to_the_first_and_in_uncertainties(compare, result):
    dose = result.regions[0].dose_gy
    changed = with_region(result, "liver", dose_gy=dose.model_copy(update={"value": dose.value * 1.1}))
    row = rows(compare(changed))["liver", "dose_gy"]
    assert row.relative_difference == pytest.approx(0.1)
    assert row.in_standard_uncertainties == pytest.approx(0.1 * dose.value / dose.u)


def test_a_region_in_one_result_only_has_no_difference(compare, result):
    changed = result.model_copy(update={"regions": result.regions[:1]})
    row = rows(compare(changed))["lesion-1", "dose_gy"]
    assert row.first is not None and row.second is None and row.relative_difference is None


def test_an_unknown_uncertainty_gives_no_distance(compare, result):
    """The volume's uncertainty is not stated in this study."""
    assert rows(compare(result))["liver", "volume_ml"].in_standard_uncertainties is None


def test_software_study_and_model_are_reasons(compare, result):
    software = {**result.software, "numpy": "1.0", "source_sha256": "0"}
    study = {**result.study, "cycle": 7, "timepoints": result.study["timepoints"][:2]}
    changed = with_region(result, "liver", chosen_model="bi").model_copy(update={"software": software, "study": study})
    reasons = compare(changed).reasons
    assert f"numpy: {result.software['numpy']} → 1.0" in reasons
    assert "the program's sources differ" in reasons
    assert "study.cycle: None → 7" in reasons
    assert "liver: model mono → bi" in reasons
    assert any(reason.startswith("study.timepoints: ") for reason in reasons)
    assert not any("source_sha256" in reason for reason in reasons)


def test_the_document_is_complete(compare, result):
    document = compare(result).to_json()
    assert document["first"] == document["second"] == result.run_id
    assert len(document["rows"]) == 6 * len(result.regions)
