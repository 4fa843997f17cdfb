import json

import pytest

from theradose.errors import StudyError
from theradose.report.document import read_result, write_result_json


def test_a_result_is_read_back_as_it_was(result, tmp_path):
    write_result_json(result, tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == result


def test_the_document_starts_with_its_schema(result, tmp_path):
    write_result_json(result, tmp_path / "result.json")
    document = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert next(iter(document.items())) == ("schema", "theradose/result/1")


def test_a_number_that_is_not_finite_is_refused_with_its_place(result, tmp_path):
    region = result.regions[1].model_copy(update={"extrapolated_fraction": float("nan")})
    broken = result.model_copy(update={"regions": (result.regions[0], region)})
    with pytest.raises(StudyError, match=r"regions\[1\]\.extrapolated_fraction") as refusal:
        write_result_json(broken, tmp_path / "result.json")
    assert refusal.value.code == "result-not-finite"
    assert not (tmp_path / "result.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(extra=1),
        lambda document: document.pop("regions"),
        lambda document: document["regions"][0].update(name=7),
        lambda document: document["regions"][0]["dose_gy"].update(value="4.5"),
        lambda document: document.update(schema="theradose/result/2"),
    ],
)
def test_a_document_that_breaks_the_schema_is_refused(result, tmp_path, change):
    path = tmp_path / "result.json"
    write_result_json(result, path)
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(StudyError) as refusal:
        read_result(path)
    assert refusal.value.code == "result-invalid"


def test_a_missing_document_is_refused(tmp_path):
    with pytest.raises(StudyError, match="result.json") as refusal:
        read_result(tmp_path / "result.json")
    assert refusal.value.code == "result-missing"
