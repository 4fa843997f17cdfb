"""Files of a schedule: complete, refused where unfinished, and read by their readers once filled in."""

import json
import re
import shutil
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from main_job import run_without_report
from theradose.acquire.blood import read_blood
from theradose.acquire.probe import read_probe
from theradose.acquire.uptake import read_uptake
from theradose.errors import StudyError
from theradose.workflow.protocols import load_protocol, protocol_names
from theradose.workflow.schedule import schedule_protocol
from theradose.workflow.schedule_files import acquisition_sheet, tube_sheet, write_schedule
from theradose.workflow.starter_study import starter_study
from theradose.workflow.study_file import missing_values, read_study, require_complete


def dated(name):
    return schedule_protocol(name, start=datetime.fromisoformat("2026-03-02T10:00"), timezone="Europe/Paris")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a function that writes the files of a protocol once and returns their folder."""

    @cache
    def write(name):
        folder = tmp_path_factory.mktemp("schedule") / "out"
        write_schedule(dated(name), folder)
        return folder

    return write


@pytest.fixture
def editable(written, tmp_path):
    """Return a function that copies these files into the test's own folder, where they may be filled in."""

    def copy(name):
        return Path(shutil.copytree(written(name), tmp_path, dirs_exist_ok=True))

    return copy


def filled(text, row_of):
    """Fill in every row of an empty table by its number."""
    lines, number = [], 0
    for line in text.splitlines():
        if line.startswith("20"):
            line = row_of(number, line)
            number += 1
        lines.append(line)
    return "\n".join(lines) + "\n"


def test_files_of_blood_and_probe(tmp_path):
    names = [path.name for path in write_schedule(dated("i131-dtc/blood-probe-3"), tmp_path / "out")]
    assert names == ["schedule.json", "acquisition-sheet.pdf", "tube-sheet.pdf", "blood.csv", "probe.csv", "study.yaml"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert json.loads((tmp_path / "out" / "schedule.json").read_text())["protocol"] == "i131-dtc/blood-probe-3"


def test_sheets_are_one_page_each(written):
    """The protocol with most tubes and the one with most acquisitions."""
    for name, sheet in (("lu177-dotatate/blood-9", "tube-sheet"), ("i131-mibg/spect-probe", "acquisition-sheet")):
        document = (written(name) / f"{sheet}.pdf").read_bytes()
        assert len(re.findall(rb"/Type\s*/Page\b", document)) == 1


def test_an_unfinished_blood_table_is_refused_with_its_row(written):
    with pytest.raises(StudyError, match="line 3, column 'drawn_at'") as refusal:
        read_blood(written("lu177-dotatate/blood-9") / "blood.csv")
    assert refusal.value.code == "table-moment"


def test_a_filled_blood_table_is_read(editable):
    path = editable("lu177-dotatate/blood-9") / "blood.csv"

    def row(number, line):
        cells = line.split(",")
        cells[0] = cells[0].replace("??:??", f"{[10, 11, 12, 14, 18, 2, 10, 10, 10][number]:02d}:31")
        cells[2:7] = ["2026-03-09T09:00+01:00", str(90000 - 9000 * number), "60", "2.1", "1.0"]
        cells[11] = "0.42"
        return ",".join(cells)

    path.write_text(filled(path.read_text(), row))
    (series,) = read_blood(path)
    assert len(series.samples) == 9
    assert {sample.specimen for sample in series.samples} == {"plasma"}
    assert series.samples[0].drawn_at.isoformat() == "2026-03-02T10:31:00+01:00"
    assert series.samples[-1].drawn_at.isoformat() == "2026-03-08T10:31:00+01:00"


def test_a_filled_probe_table_is_read(editable):
    path = editable("i131-mibg/probe") / "probe.csv"

    def row(number, line):
        cells = line.split(",")
        cells[0] = cells[0].replace("??:??", "10:05" if not number else f"{[0, 12, 14, 10, 10, 10][number]:02d}:00")
        cells[2:5] = [str(1000 - 150 * number), str(900 - 140 * number), "20"]
        return ",".join(cells)

    path.write_text(filled(path.read_text(), row))
    readings = read_probe(path)
    assert [reading.before_void for reading in readings] == [True] + 5 * [False]
    assert readings[-1].measured_at.isoformat() == "2026-03-07T10:00:00+01:00"


def test_what_may_have_been_filled_in_is_not_overwritten(editable):
    folder = editable("i131-mibg/probe")
    (folder / "probe.csv").write_text("mine")
    with pytest.raises(StudyError) as refusal:
        write_schedule(dated("i131-mibg/probe"), folder)
    assert refusal.value.code == "schedule-exists"
    assert (folder / "probe.csv").read_text() == "mine"


def test_a_filled_uptake_table_is_read(editable):
    path = editable("i131-benign-thyroid/probe-2") / "uptake.csv"

    def row(number, line):
        cells = line.split(",")
        cells[0] = cells[0].replace("??:??", "10:10")
        cells[2:5] = [str(60000 - 20000 * number), "3000", "120"]
        if not number:
            cells[5:10] = ["80000", "400", "120", "2026-03-03T11:00+01:00", "2.0"]
        return ",".join(cells)

    path.write_text(filled(path.read_text(), row))
    first, second = read_uptake(path)
    assert first.has_standard and not second.has_standard
    assert second.measured_at.isoformat() == "2026-03-07T10:10:00+01:00"


def test_the_study_of_a_filled_schedule_runs(editable):
    """Whole body by probe alone: filled in as the sheet says, the study needs nothing else."""
    folder = editable("i131-mibg/probe")

    def row(number, line):
        cells = line.split(",")
        clock = ["10:05", "12:00", "14:00", "10:00", "10:00", "20:00"][number]
        cells[0] = cells[0].replace("??:??", clock)
        rate = 1000 * 0.5 ** ([0.08, 2, 4, 24, 48, 130][number] / 20)
        cells[2:6] = [f"{rate + 2:.6g}", f"{rate + 2:.6g}", "2", "300"]
        return ",".join(cells)

    probe, study = folder / "probe.csv", folder / "study.yaml"
    probe.write_text(filled(probe.read_text(), row))
    text = re.sub(r"activity: null.*", "activity: 7.4 GBq", study.read_text())
    study.write_text(re.sub(r"start: null.*", "start: 2026-03-02T10:00:00+01:00", text))
    result = run_without_report(study).result
    assert result.whole_body.effective_half_life_h.value == pytest.approx(20, rel=0.1)
    outside = [finding for finding in result.findings if finding.code == "visit-outside-tolerance"]
    assert outside == []


@pytest.mark.parametrize("name", [name for name in protocol_names() if load_protocol(name).visits])
def test_the_study_asks_for_what_was_not_measured_yet(tmp_path, name):
    path = tmp_path / "study.yaml"
    path.write_text(starter_study(dated(name)))
    study_file = read_study(path)
    assert study_file.study.protocol == name
    images = [point.id for point in study_file.study.timepoints if "planar" not in point.model_fields_set]
    assert images == [v.id for v in load_protocol(name).image_visits]
    asked = {item.key for item in missing_values(study_file.study)}
    assert {"administrations[0].activity", "administrations[0].start"} <= asked
    assert ("timepoints[].regions" in asked) == bool(load_protocol(name).image_visits)
    with pytest.raises(StudyError, match="lacks what the run needs"):
        require_complete(study_file)


def test_planar_visits_are_time_points_of_their_own(tmp_path):
    """Five planar pairs, the second beside the SPECT/CT of its visit; each is asked for until its path is there."""
    path = tmp_path / "study.yaml"
    path.write_text(starter_study(dated("lu177-dotatate/hybrid-5")))
    study_file = read_study(path)
    ids = ["h1", "h24", "h24-planar", "h48", "h96", "h168"]
    assert [point.id for point in study_file.study.timepoints] == ids
    asked = {item.key: item.advice for item in missing_values(study_file.study)}
    assert asked["timepoints[0].planar"] == "name the planar images of time point 'h1'"
    assert "timepoints[1].activity" in asked and "timepoints[2].planar" in asked
    filled_in = re.sub(r"planar: null  # needed: .*planned .*", "planar: dicom/planar", path.read_text())
    path.write_text(re.sub(r"activity: null  # needed: file.*", "activity: dicom/spect", filled_in))
    study = read_study(path).study
    assert [point.id for point in study.planar_timepoints] == [name for name in ids if name != "h24"]
    assert [point.id for point in study.emission_timepoints] == ["h24"]


@pytest.mark.parametrize("name", [name for name in protocol_names() if load_protocol(name).visits])
def test_every_measurement_is_on_one_sheet(name):
    schedule = dated(name)
    rows = len(acquisition_sheet(schedule).rows) + len(tube_sheet(schedule).rows)
    protocol = schedule.protocol
    assert rows == sum(len(visit.measure) for visit in (*protocol.planning, *protocol.visits))
    for sheet in (acquisition_sheet(schedule), tube_sheet(schedule)):
        assert all(len(row) == len(sheet.columns) for row in sheet.rows)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Files of a schedule two days before clocks go forward: 96 h later it is an hour later on the clock."""
    folder = tmp_path_factory.mktemp("example")
    start = datetime.fromisoformat("2026-03-27T10:00")
    write_schedule(schedule_protocol("i131-dtc/blood-probe-3", start=start, timezone="Europe/Paris"), folder)
    return folder


@pytest.mark.parametrize("name", ["blood.csv", "probe.csv", "schedule.json"])
def test_the_documented_example_is_what_is_written(example, request, name):
    documented = request.config.rootpath / "docs/formats/examples/protocols" / name
    assert (example / name).read_text() == documented.read_text()


def test_the_documented_protocol_is_the_packaged_one(request):
    documented = request.config.rootpath / "docs/formats/examples/protocols/spect-1tp.yaml"
    packaged = request.config.rootpath / "src/theradose/data/protocols/lu177-dotatate/spect-1tp.yaml"
    assert documented.read_text() == packaged.read_text()
