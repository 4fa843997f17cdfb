"""``theradose marrow image`` as a user runs it."""

from __future__ import annotations

import pytest

from spine_phantom import write_spine_study
from tiny_study import write_tiny_study


@pytest.fixture(scope="module")
def spine(tmp_path_factory):
    """A study of vertebrae."""
    return write_spine_study(tmp_path_factory.mktemp("spine"))


def test_document(command, spine):
    answer = command("marrow", "image", spine, "--json")
    assert answer.code == 0, answer.err
    document = answer.document
    assert set(document) == {"nuclide", "image", "findings"}
    assert document["nuclide"] == "Lu-177"
    assert document["image"]["dose_gy"]["value"] > 0
    assert {"marrow-volume", "marrow-recovery-not-applied"} <= {finding["code"] for finding in document["findings"]}


def test_table_and_messages(command, spine):
    answer = command("marrow", "image", spine.parent)
    assert answer.code == 0, answer.err
    assert "46.1 mL of spongiosa in l2-vertebra, l3-vertebra, l4-vertebra, local-deposition" in answer.out
    assert "not known" in answer.out
    assert "[marrow-recovery-not-applied]" in answer.err
    assert "region-unverified" not in answer.err


def test_a_study_without_vertebrae_is_refused(command, tmp_path):
    answer = command("marrow", "image", write_tiny_study(tmp_path))
    assert answer.code == 2
    assert "No vertebrae are outlined" in answer.err
    assert answer.out == ""


def test_a_study_without_images_is_refused(command, tmp_path):
    path = write_tiny_study(tmp_path, {"timepoints": [], "probe": "probe.csv"})
    (tmp_path / "probe.csv").write_text("t_h,anterior_cps,counting_s,before_void\n0.5,1000,60,yes\n4,900,60,no\n")
    answer = command("marrow", "image", path)
    assert answer.code == 2
    assert "names no image" in answer.err
