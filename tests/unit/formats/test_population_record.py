import json

import pytest

from population_support import stated
from theradose.errors import StudyError
from theradose.formats.population_record import population_document, read_population
from theradose.model.population import PopulationRecord, SourceFile


def document(**changes):
    record = PopulationRecord(
        created="2026-03-02T10:00:00+00:00",
        software={"theradose": "0.1"},
        therapy="lu177-dotatate",
        nuclide="Lu-177",
        sources=(SourceFile(file="curves.csv", sha256="0" * 64),),
        populations=(stated(),),
    )
    return {**population_document(record), **changes}


def read(tmp_path, content):
    path = tmp_path / "population.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_population(path)


def refused(tmp_path, content):
    with pytest.raises(StudyError) as refusal:
        read(tmp_path, content)
    assert "population.json" in str(refusal.value)
    return refusal.value


def test_a_record_survives_writing_and_reading(tmp_path):
    assert population_document(read(tmp_path, document())) == document()
    assert document()["schema"] == "theradose/population/1"


@pytest.mark.parametrize("schema", ["theradose/population/2", None, "theradose/result/1"])
def test_another_schema_is_refused(tmp_path, schema):
    assert refused(tmp_path, document(schema=schema)).code == "population-schema"


@pytest.mark.parametrize("content", ["", "[1]", "subject,region"])
def test_other_files_are_refused(tmp_path, content):
    assert refused(tmp_path, content).code == "population-unreadable"
    with pytest.raises(StudyError, match="cannot be read"):
        read_population(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mean", [0.0, 0.0], "equally long"),
        ("omega", [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]], "covariance"),
        ("covariance_of_mean", [[1.0]], "3 by 3"),
        ("error_scale", -1.0, "negative"),
        ("t_h", [0.0, 96.0], "after the administration"),
        ("regions", [], "no region"),
        ("patients", 0, "at least 1"),
        ("unknown", 1, "populations.0.unknown"),
    ],
)
def test_a_damaged_record_is_refused_with_the_place(tmp_path, key, value, words):
    content = document()
    content["populations"][0][key] = value
    error = refused(tmp_path, content)
    assert error.code == "population-invalid" and words in str(error)


def test_a_region_has_one_population(tmp_path):
    content = document()
    content["populations"] *= 2
    assert "left-kidney" in str(refused(tmp_path, content))
