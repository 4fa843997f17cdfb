import os
import time

import pytest

from theradose import compiled
from theradose.provenance import hash_package


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiled.cache_folder.cache_clear()
    yield tmp_path
    compiled.cache_folder.cache_clear()


def test_machine_code_lies_in_a_folder_named_by_all_sources(root):
    folder = compiled.cache_folder()
    assert folder == root / "theradose" / "numba" / hash_package()[:16]

    @compiled.kernel
    def double(x: float) -> float:
        return 2 * x

    assert double(1.5) == 3.0
    assert list(folder.rglob("*.nbi"))


def test_folders_of_old_sources_go_after_a_month(root):
    parent = root / "theradose" / "numba"
    old, recent = parent / "old", parent / "recent"
    for other in (old, recent):
        other.mkdir(parents=True)
    month_ago = time.time() - 31 * 86400
    os.utime(old, (month_ago, month_ago))
    compiled.cache_folder()
    assert not old.exists()
    assert recent.exists()


def test_without_a_place_to_write_kernels_are_compiled_anew(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    compiled.cache_folder.cache_clear()
    try:
        assert compiled.cache_folder() is None

        @compiled.kernel
        def triple(x: float) -> float:
            return 3 * x

        assert triple(2.0) == 6.0
    finally:
        compiled.cache_folder.cache_clear()


@pytest.mark.parametrize(("stated", "count"), [("3", 3), ("", None), ("0", None), ("many", None)])
def test_threads_are_all_cores_unless_stated(monkeypatch, stated, count):
    monkeypatch.setenv("THERADOSE_THREADS", stated)
    assert compiled.thread_count() == (count or os.cpu_count())
