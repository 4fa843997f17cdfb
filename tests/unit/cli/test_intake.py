"""``inspect`` and ``import``: what a person sees, and when the exit code says that something was refused."""

from __future__ import annotations

import yaml

from dicom_images import assign, write_nm, write_pt
from planar_images import write_pair

HEADINGS = ["kind", "modality", "files", "shape", "unit", "decay", "nuclide", "MBq given", "acquired", "t / h", "MBq",
            "status", "path"]  # fmt: skip


def headings(answer):
    return [word.strip() for word in answer.out.splitlines()[0].split("  ") if word.strip()]


def test_inspect_shows_what_a_physicist_looks_for(command, tmp_path):
    write_pt(tmp_path / "a")
    answer = command("inspect", tmp_path)
    assert headings(answer) == HEADINGS
    for text in ("Lu-177", "7400.0", "2026-03-03 10:00", "24.00", "ok"):
        assert text in answer.out.splitlines()[1]


def test_inspect_shows_the_patient_where_there_are_several(command, tmp_path):
    write_pt(tmp_path / "a")
    write_pt(tmp_path / "b", assign(PatientID="P002"), series="b")
    (tmp_path / "notes.txt").write_text("nothing")
    answer = command("inspect", tmp_path)
    assert headings(answer) == [*HEADINGS, "patient"]
    assert answer.out.splitlines()[2].endswith("P002")
    assert "warning: There are series of 2 patients" in answer.err
    assert "1 file is neither DICOM, NIfTI nor Interfile." in answer.err


def test_inspect_of_an_empty_folder_is_bad_input(command, tmp_path):
    answer = command("inspect", tmp_path, "--json")
    assert answer.code == 2 and answer.out == "" and answer.err.endswith("[folder-empty]\n")


def test_import_that_refuses_an_emission_image_writes_the_study_and_fails(command, tmp_path):
    write_pt(tmp_path / "dicom" / "good", series="a")
    write_pt(tmp_path / "dicom" / "bad", assign(Units="GML"), series="b")
    answer = command("import", tmp_path / "dicom", "--out", tmp_path / "study.yaml")
    assert answer.code == 2 and answer.out == f"{tmp_path / 'study.yaml'}\n"
    assert "refused: emission bad/000.dcm: The values are in 'GML'" in answer.err
    assert len(yaml.safe_load((tmp_path / "study.yaml").read_text())["timepoints"]) == 1


def test_import_replaces_a_study_only_when_forced(command, tmp_path):
    write_pt(tmp_path / "dicom")
    arguments = ("import", tmp_path / "dicom", "--out", tmp_path / "study.yaml")
    assert command(*arguments).code == 0
    refused = command(*arguments)
    assert refused.code == 2 and refused.out == "" and refused.err.endswith("[study-exists]\n")
    forced = command(*arguments, "--force", "--json")
    assert forced.code == 0
    assert set(forced.document) == {"study", "values", "missing", "refused", "skipped"}


def test_planar_series_are_shown_and_imported(command, tmp_path):
    write_nm(tmp_path / "dicom" / "spect" / "nm.dcm")
    write_pair(tmp_path / "dicom" / "planar" / "planar.dcm", assign(PatientID="P001"))
    answer = command("inspect", tmp_path / "dicom")
    assert any(line.startswith("planar") and "6×16×24" in line and " ok " in line for line in answer.out.splitlines())
    written = command("import", tmp_path / "dicom", "--out", tmp_path / "study.yaml")
    assert written.code == 0
    timepoints = yaml.safe_load((tmp_path / "study.yaml").read_text())["timepoints"]
    assert timepoints[1] == {"id": "tp2", "planar": "dicom/planar/planar.dcm"}
