"""A folder is there whole or not at all, whoever works beside."""

import os

import pytest

from theradose.store.partial import whole_folder

NOBODY = 4194305  # no process has the largest possible number plus one


def test_it_appears_at_the_end_and_whole(tmp_path):
    final = tmp_path / "results" / "run"
    with whole_folder(final) as folder:
        (folder / "a").mkdir()
        (folder / "a" / "b.txt").write_text("b")
        assert not final.exists() and folder.name.startswith(".")
    assert (final / "a" / "b.txt").read_text() == "b"
    assert [path.name for path in final.parent.iterdir()] == ["run"]


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(tmp_path, failure):
    with pytest.raises(failure), whole_folder(tmp_path / "run") as folder:
        (folder / "half.txt").write_text("half")
        raise failure
    assert list(tmp_path.iterdir()) == []


def test_only_leftovers_of_dead_processes_of_the_same_run_are_removed(tmp_path):
    leftovers = [f".0123abcd-{NOBODY}.part", f".0123abcd-{os.getppid()}.part", f".ffffffff-{NOBODY}.part"]
    for name in leftovers:
        (tmp_path / name).mkdir()
    with whole_folder(tmp_path / "20260302T000000Z-0123abcd"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == sorted(leftovers[1:])
