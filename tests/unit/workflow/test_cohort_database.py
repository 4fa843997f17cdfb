"""Results of runs in the site's database, and the patient's place in the site's reference ranges."""

import json
import shutil

import pytest

from cohort_records import kidney_cohort, region, treatment
from theradose.errors import DatabaseError, StatisticsError, TheradoseError
from theradose.formats.tables_cohort import cohort_table_text
from theradose.model.cohort import IDENTIFIED
from theradose.store.pseudonyms import make_secret, read_secret
from theradose.workflow.cohort_agreement import agreement_of_sources
from theradose.workflow.cohort_database import (
    DatabaseChoice,
    add_results,
    database_treatments,
    export_database,
    import_database,
)
from theradose.workflow.cohort_reference import read_reference, reference_of_sources, write_reference
from theradose.workflow.run import run_study
from tiny_study import write_tiny_study


@pytest.fixture
def finished(tiny_study_run, tmp_path):
    """Write a copy of the finished run of a patient with changes to its study; return the folder."""

    def write(name="run", **study):
        folder = tmp_path / "results" / name
        shutil.copytree(tiny_study_run.folder, folder, ignore=shutil.ignore_patterns("*.nii.gz", "*.dcm", "*.pdf"))
        document = json.loads((folder / "result.json").read_text())
        patient = {**document["study"]["patient"], "id": "SITE-0042"}
        document["study"] |= {"patient": patient, "therapy": "lu177-dotatate", **study}
        document["run_id"] = f"{name}-{document['run_id']}"
        (folder / "result.json").write_text(json.dumps(document))
        record = json.loads((folder / "run.json").read_text())
        record["input_hash"] = f"{name:0<64}"
        (folder / "run.json").write_text(json.dumps(record))
        return folder

    return write


@pytest.fixture
def site(tmp_path):
    return DatabaseChoice(str(tmp_path / "site.sqlite"))


def test_numbers_are_those_of_the_result(finished, site, tiny_study_run):
    (added,) = add_results([finished()], site)
    assert (added.status, added.regions) == ("added", 2)
    (kept,) = database_treatments(site.place)
    for region_, result in zip(kept.regions, tiny_study_run.result.regions, strict=True):
        assert (region_.region, region_.kind, region_.model) == (result.name, result.kind, result.chosen_model)
        for name in ("dose_gy", "tia_mbq_h", "effective_half_life_h", "mass_g"):
            pair = getattr(result, name)
            assert (getattr(region_, name), getattr(region_, f"u_{name}")) == (pair.value, pair.u)
        assert region_.bed_gy is None
    assert (kept.activity_mbq, kept.nuclide, kept.cycle, kept.engine) == (2000.0, "Lu-177", 1, "local")


def test_nothing_of_the_patient_is_kept(finished, site, tmp_path):
    folder = finished()
    add_results([folder], site)
    (kept,) = database_treatments(site.place)
    stored = (tmp_path / "site.sqlite").read_bytes() + cohort_table_text([kept]).encode()
    run_id = json.loads((folder / "result.json").read_text())["run_id"]
    for given in ("SITE-0042", "2026-03-02", run_id):
        assert given.encode() not in stored
    secret = read_secret(tmp_path / "site.sqlite.secret")
    assert (kept.patient, kept.run) == (secret.pseudonym("patient", "SITE-0042"), secret.pseudonym("run", run_id))
    assert kept.administered_at.endswith("T10:00:00+01:00")


def test_an_identified_database_keeps_ids_and_dates(finished, tmp_path):
    choice = DatabaseChoice(str(tmp_path / "own.sqlite"), identified=True)
    add_results([finished()], choice)
    (kept,) = database_treatments(choice.place)
    assert (kept.patient, kept.identity, kept.administered_at) == ("SITE-0042", IDENTIFIED, "2026-03-02T10:00:00+01:00")
    assert not (tmp_path / "own.sqlite.secret").exists()


def test_a_folder_of_results_is_searched_and_a_refusal_stops_none(finished, site, tmp_path):
    finished("one")
    finished("two", cycle=2)
    finished("none", patient={"id": None})
    added = add_results([tmp_path / "results"], site)
    assert {item.file.parent.name: (item.status, item.code) for item in added} == {
        "none": ("refused", "cohort-patient"), "one": ("added", ""), "two": ("added", ""),
    }  # fmt: skip
    assert [item.status for item in add_results([tmp_path / "results" / "one"], site)] == ["unchanged"]
    kept = database_treatments(site.place)
    assert [item.cycle for item in kept] == [1, 2] and len({item.patient for item in kept}) == 1


def test_another_run_of_the_cycle_is_refused_unless_it_replaces(finished, site):
    add_results([finished("one")], site)
    again = finished("two")
    (refused,) = add_results([again], site)
    assert (refused.status, refused.code) == ("refused", "database-conflict")
    assert add_results([again], site, replace=True)[0].status == "replaced"


def test_the_cycle_follows_from_the_earlier_ones(finished, site):
    earlier = [{"cycle": 2, "activity": 7400.0, "start": None, "result": None}]
    add_results([finished(previous_cycles=earlier)], site)
    assert database_treatments(site.place)[0].cycle == 3


def test_a_lost_or_wrong_secret_is_noticed(finished, site, tmp_path):
    add_results([finished("one")], site)
    place = tmp_path / "site.sqlite.secret"
    place.rename(tmp_path / "away")
    with pytest.raises(DatabaseError) as caught:
        add_results([finished("two")], site)
    assert caught.value.code == "secret-missing" and not place.exists()
    make_secret(place)
    with pytest.raises(DatabaseError, match="not the one behind the pseudonyms"):
        add_results([tmp_path / "results" / "two"], site)
    right = DatabaseChoice(site.place, tmp_path / "away")
    assert add_results([tmp_path / "results" / "one"], right)[0].status == "unchanged"
    with pytest.raises(DatabaseError, match="--identified"):
        add_results([tmp_path / "results" / "one"], DatabaseChoice(site.place, identified=True))


def test_export_and_import_lose_nothing(finished, site, tmp_path):
    add_results([finished("one"), finished("two", cycle=2)], site)
    table, other = tmp_path / "site.csv", str(tmp_path / "other.sqlite")
    exported = export_database(site.place, table)
    assert import_database(table, other) == {"added": 2, "unchanged": 0, "replaced": 0}
    assert import_database(table, other) == {"added": 0, "unchanged": 2, "replaced": 0}
    assert database_treatments(other) == exported == database_treatments(site.place)


def test_a_table_of_several_identities_is_refused(tmp_path):
    table = tmp_path / "mixed.csv"
    table.write_text(cohort_table_text([treatment("A"), treatment("B", identity="pseudonyms-0123456789ab")]))
    with pytest.raises(DatabaseError) as caught:
        import_database(table, str(tmp_path / "x.sqlite"))
    assert caught.value.code == "database-identity"


def test_ten_thousand_rows_pass_through(tmp_path):
    made = kidney_cohort(625, 4)
    table = tmp_path / "large.csv"
    table.write_text(cohort_table_text(made))
    import_database(table, str(tmp_path / "large.sqlite"))
    assert sum(len(item.regions) for item in database_treatments(str(tmp_path / "large.sqlite"))) == 10_000


def test_results_are_compared_with_their_database_by_the_secret(finished, site, tmp_path):
    for k in range(3):
        finished(f"r{k}", patient={"id": f"X{k}"})
    add_results([tmp_path / "results"], site)
    with pytest.raises(TheradoseError) as caught:
        agreement_of_sources([str(tmp_path / "results"), site.place])
    assert caught.value.code == "nothing-in-common"
    report = agreement_of_sources([str(tmp_path / "results"), site.place], secret=site.secret_file)
    assert [(item.organ, len(item.keys)) for item in report.compared] == [("lesion", 3), ("liver", 3)]
    assert report.compared[1].absolute.bias.value == 0.0


@pytest.fixture
def reference(tmp_path):
    """Write the reference ranges of 30 made-up patients, P000 to P029; return the file."""
    table = tmp_path / "cohort.csv"
    table.write_text(cohort_table_text(kidney_cohort(30)))
    made, findings = reference_of_sources([str(table)])
    write_reference(made, findings, tmp_path / "reference")
    assert findings == ()
    return tmp_path / "reference" / "reference.json"


def test_the_reference_is_read_back(reference):
    assert read_reference(reference).ranges[0].therapy == "lu177-dotatate"
    assert {path.name for path in reference.parent.iterdir()} == {
        "reference.json", "report.pdf", "report.json", "tables",
    }  # fmt: skip
    reference.write_text(reference.read_text().replace("theradose/reference/1", "theradose/reference/2"))
    with pytest.raises(DatabaseError, match="theradose/reference/1 at schema") as caught:
        read_reference(reference)
    assert caught.value.code == "reference-invalid"


def test_a_run_says_where_the_patient_lies(reference, tmp_path):
    study = {
        "therapy": "lu177-dotatate", "patient": {"id": "P007"}, "reference": {"file": "../reference/reference.json"},
    }  # fmt: skip
    run = run_study(write_tiny_study(tmp_path / "study", study))
    result = run.result
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "own cohort" in page and "The patient&#39;s own values are left out" in page
    found = {(item.region, item.quantity): item for item in result.site}
    dose = found["liver", "dose_per_activity_gy_gbq"]
    assert dose.value == result.regions[0].dose_per_activity_gy_gbq
    assert (dose.organ, dose.n, dose.patients, dose.left_out) == ("liver", 29, 29, 1)
    assert dose.percent == 100.0 and 0 < dose.percent_low < 100 and dose.percent_high == 100.0
    assert found["lesion-1", "dose_per_activity_gy_gbq"].organ == "lesion"
    assert ("lesion-1", "volume_ml") not in found
    assert not any(finding.code.startswith("reference-") for finding in result.findings)


def test_an_unknown_patient_is_a_finding(reference, tmp_path):
    study = {"therapy": "lu177-dotatate", "reference": {"file": "../reference/reference.json"}}
    result = run_study(write_tiny_study(tmp_path / "study", study)).result
    assert {item.left_out for item in result.site} == {None}
    assert "reference-patient-unknown" in {finding.code for finding in result.findings}


def test_ranges_that_cannot_be_used_are_refused_before_anything_is_computed(reference, tmp_path):
    reference.write_text(reference.read_text().replace("theradose/reference/1", "theradose/reference/2"))
    study = {"therapy": "lu177-dotatate", "reference": {"file": "../reference/reference.json"}}
    steps = []
    with pytest.raises(DatabaseError) as refused:
        run_study(write_tiny_study(tmp_path / "study", study), on_step=steps.append)
    assert refused.value.code == "reference-invalid"
    assert steps == ["hash inputs"]
    assert not (tmp_path / "study" / "results").exists()


def test_treatments_of_two_sources_are_counted_once(tmp_path):
    table = tmp_path / "cohort.csv"
    table.write_text(cohort_table_text([treatment()]))
    with pytest.raises(DatabaseError) as caught:
        reference_of_sources([str(table), str(table)])
    assert caught.value.code == "database-conflict"
    table.write_text(cohort_table_text([treatment(therapy=None, regions=[region()])]))
    with pytest.raises(StatisticsError) as caught:
        reference_of_sources([str(table)])
    assert caught.value.code == "reference-empty"
