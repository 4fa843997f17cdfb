import json

import numpy as np
import pytest

from theradose.store.steps import StepStore


def test_an_unchanged_step_is_not_computed_again(tmp_path):
    calls = []
    compute = lambda: calls.append(1) or {"a": np.arange(3.0)}  # noqa: E731
    first, second = StepStore(tmp_path), StepStore(tmp_path)
    assert np.array_equal(first.run("fit", {"x": 1}, compute)["a"], second.run("fit", {"x": 1}, compute)["a"])
    assert len(calls) == 1
    assert second.reused == {"fit"} and not first.reused


@pytest.mark.parametrize(("name", "inputs"), [("fit", {"x": 2}), ("dose", {"x": 1})])
def test_other_inputs_or_another_step_are_computed(tmp_path, name, inputs):
    store = StepStore(tmp_path)
    store.run("fit", {"x": 1}, lambda: 1)
    assert store.run(name, inputs, lambda: 2) == 2


def test_a_none_result_is_stored_too(tmp_path):
    store = StepStore(tmp_path)
    assert store.run("ct", {}, lambda: None) is None
    assert store.run("ct", {}, lambda: 1) is None


def test_a_failing_step_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        StepStore(tmp_path).run("fit", {}, _fail)
    assert list(tmp_path.rglob("*")) == []


def test_a_value_that_cannot_be_stored_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        StepStore(tmp_path).run("fit", {}, object)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_step_is_computed_again(tmp_path):
    StepStore(tmp_path).run("fit", {}, lambda: {"a": np.ones(3)})
    (document,) = tmp_path.rglob("arrays.npz")
    document.write_bytes(document.read_bytes()[:40])
    assert StepStore(tmp_path).run("fit", {}, lambda: 5) == 5


def test_a_leftover_of_a_killed_process_is_never_read_and_disappears(tmp_path):
    # No process has the largest possible number plus one.
    partial = tmp_path / f".{StepStore.key('fit', {})}-4194305.part"
    partial.mkdir()
    (partial / "value.json").write_text(json.dumps(1))
    assert StepStore(tmp_path).run("fit", {}, lambda: 2) == 2
    assert not partial.exists()


def _fail():
    raise RuntimeError
