from datetime import UTC, datetime, timedelta, timezone

import pytest

from theradose.errors import StudyError
from theradose.store.runs import find_run, make_run_id, new_run, run_folder, write_json

HASH = "0123456789abcdef"


def test_run_id_is_utc_time_and_hash():
    now = datetime(2026, 3, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert make_run_id(HASH, now=now) == "20260301T233000Z-01234567"


def _write(results, input_hash=HASH):
    run_id = make_run_id(input_hash, now=datetime(2026, 3, 2, tzinfo=UTC))
    with new_run(results, run_id) as folder:
        write_json({"input_hash": input_hash}, folder / "run.json")
        write_json({}, folder / "result.json")
    return results / run_id


def test_a_finished_run_is_found_by_its_inputs(tmp_path):
    folder = _write(tmp_path)
    assert find_run(tmp_path, HASH) == folder
    assert find_run(tmp_path, HASH[:8] + "ffff") is None
    assert run_folder(folder / "result.json") == folder


def test_a_failed_run_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="full"), new_run(tmp_path, "x-01234567") as folder:
        (folder / "result.json").write_text("{")
        raise OSError("disk full")
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_never_overwritten(tmp_path):
    _write(tmp_path)
    with pytest.raises(StudyError, match="never overwritten"):
        _write(tmp_path)


def test_a_folder_without_result_is_refused(tmp_path):
    with pytest.raises(StudyError, match="not a result"):
        run_folder(tmp_path)
