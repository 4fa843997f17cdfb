"""Packaged limits, and those of a site."""

import pytest

from theradose.errors import PlanError
from theradose.model.limit import StatedLimit
from theradose.plan.limits import limit_named, limits_for, load_limits, parts_of, resolve_limits


def test_names_are_unique_across_files():
    names = [limit.name for limit in load_limits()]
    assert len(names) == len(set(names))


def test_limits_of_kidneys_are_those_of_the_review_and_the_trials():
    """R1: 23 to 28 Gy and 40 Gy, extrapolated from external beams; R3: BED of 27 ± 2 and 40 ± 2 Gy (SCIENCE §7, §8)."""
    impaired, unimpaired = limit_named("kidneys-impaired"), limit_named("kidneys-unimpaired")
    assert (impaired.value_gy, impaired.range_gy, impaired.origin) == (28.0, (23.0, 28.0), "EBRT")
    assert (unimpaired.value_gy, unimpaired.origin) == (40.0, "EBRT")
    caps = [limit_named(f"kidneys-iluminet-{gy}") for gy in (27, 40)]
    assert [(cap.value_gy, cap.u_gy, cap.quantity) for cap in caps] == [(27.0, 2.0, "BED"), (40.0, 2.0, "BED")]
    assert limit_named("red-marrow-2").value_gy == 2.0
    assert limit_named("salivary-glands-20").origin == "EBRT"


def test_what_was_not_read_is_unverified_and_from_external_beams():
    table = [limit for limit in load_limits() if limit.name.endswith("-external-beam")]
    assert {limit.organ for limit in table} >= {"red-marrow", "liver", "lungs", "kidneys", "salivary-glands", "heart"}
    assert {(limit.status, limit.origin) for limit in table} == {("unverified", "EBRT")}


def test_look_up_by_organ_therapy_and_kind():
    kidneys = limits_for(organ="kidneys", therapy="lu177-psma", kind="limit")
    assert {limit.name for limit in kidneys} == {"kidneys-impaired", "kidneys-unimpaired", "kidneys-external-beam"}


def test_an_unknown_name_is_refused_with_the_valid_ones():
    with pytest.raises(PlanError, match="kidneys-impaired") as refusal:
        limit_named("kidneys")
    assert refusal.value.code == "limit-unknown"


def test_a_stated_limit_is_marked_as_stated():
    stated = StatedLimit.model_validate(
        {"organ": "kidneys", "value": {"value": "25 Gy", "u": "1 Gy"}, "range": ["20 Gy", "25 Gy"], "origin": "EBRT",
         "source": "our protocol"}
    )  # fmt: skip
    (limit, packaged) = resolve_limits([stated, "red-marrow-2"])
    assert (limit.name, limit.value_gy, limit.u_gy, limit.range_gy) == ("kidneys-stated", 25.0, 1.0, (20.0, 25.0))
    assert (limit.status, packaged.status) == ("stated", "verified")


def test_a_pair_has_its_sides_and_a_group_its_parts():
    assert parts_of("kidneys") == ("left-kidney", "right-kidney")
    assert "left-parotid-gland" in parts_of("salivary-glands")
    assert parts_of("red-marrow") == ("red-marrow-by-blood", "red-marrow-by-image")
    assert parts_of("liver") == ()


def test_a_stated_limit_is_of_the_canonical_organ():
    stated = StatedLimit.model_validate({"organ": "Niere li", "value": "20 Gy", "origin": "EBRT", "source": "ours"})
    (limit,) = resolve_limits([stated])
    assert (limit.organ, limit.name) == ("left-kidney", "left-kidney-stated")
    odd = stated.model_copy(update={"organ": "\u53f3\u814e"})
    with pytest.raises(PlanError, match="name") as refusal:
        resolve_limits([odd])
    assert refusal.value.code == "limits-invalid"
