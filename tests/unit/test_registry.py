from __future__ import annotations

import pytest

from theradose import registry as module
from theradose.errors import PhysicsError
from theradose.registry import Registry


@pytest.fixture
def engines():
    registry = Registry("dose_engines", error=PhysicsError)
    registry.register("local", summary="stays", citation="Bolch1999")(len)
    registry.register("kernel", summary="spreads", citation="Bolch1999")(sum)
    return registry


def test_entries_come_back_in_order(engines):
    assert engines.names() == ("local", "kernel")
    assert engines.get("kernel") is sum
    entry = engines.entry("local")
    assert (entry.name, entry.summary, entry.citation) == ("local", "stays", "Bolch1999")
    assert [entry.item for entry in engines] == [len, sum]
    assert "local" in engines
    assert "montecarlo" not in engines


def test_registering_returns_the_object(engines):
    assert engines.register("other", summary="", citation="")(max) is max


def test_unknown_names_are_refused_with_the_valid_ones(engines):
    with pytest.raises(PhysicsError, match="valid names are local, kernel") as caught:
        engines.get("montecarlo")
    assert caught.value.code == "unknown-dose-engine"


def test_a_name_is_taken_once(engines):
    with pytest.raises(ValueError, match="local"):
        engines.register("local", summary="", citation="")(max)


def test_plugins_of_other_packages_are_loaded_once(engines, monkeypatch):
    loaded = []

    class Point:
        def load(self):
            loaded.append(self)
            engines.register("plugin", summary="from outside", citation="")(min)

    asked = []
    monkeypatch.setattr(module, "entry_points", lambda group: asked.append(group) or [Point()])
    assert engines.get("plugin") is min
    assert engines.names() == ("local", "kernel", "plugin")
    assert len(loaded) == 1
    assert asked == ["theradose.dose_engines"]
