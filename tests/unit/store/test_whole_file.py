from __future__ import annotations

import os

import pytest

from theradose.store.whole_file import replace_file


def test_file_is_made_and_replaced(tmp_path):
    path = tmp_path / "new" / "record.yaml"
    replace_file(path, "one")
    replace_file(path, "two ± 3")
    assert path.read_text(encoding="utf-8") == "two ± 3"
    assert [entry.name for entry in path.parent.iterdir()] == ["record.yaml"]


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "record.yaml"
    replace_file(path, "old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        replace_file(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.yaml"]
