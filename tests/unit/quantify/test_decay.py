from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.errors import StudyError
from theradose.formats.decay import decay_factor, frame_start_factor
from theradose.model.activity import DecayKind, DecayReference, EmissionImage, ImageUnit
from theradose.model.grid import Grid, Volume
from theradose.nuclides import load_nuclide
from theradose.quantify.decay import correct_decay

LU = load_nuclide("Lu-177")
START = datetime(2026, 3, 2, 10)
ACQUIRED = START + timedelta(hours=24)


def image(kind, moment=None, *, frame_s=1200.0, delay_s=None):
    grid = Grid.axis_aligned((3, 1, 1), (10, 10, 10))
    return EmissionImage(
        volume=Volume(np.ones((3, 1, 1), np.float32), grid),
        unit=ImageUnit.BQ_PER_ML,
        decay_reference=DecayReference(kind, moment),
        acquired_at=ACQUIRED,
        frame_duration_s=frame_s,
        slice_delay_s=delay_s,
        count_duration_s=None,
        total_counts=None,
        nuclide="Lu-177",
        modality="NM",
    )


def factors(emission, nuclide=LU):
    correction, findings = correct_decay(emission, administered_at=START, timezone="UTC", nuclide=nuclide)
    assert correction.evidence
    return correction.slice_factor, findings


def test_published_decay_factor():
    """48 h of 177Lu: counted later, the earlier activity is 1.2319 times as large, never 0.8118 times."""
    assert decay_factor(decay_constant_per_h=LU.decay_constant_per_h, elapsed_h=-48) == pytest.approx(1.2319, abs=5e-5)
    assert decay_factor(decay_constant_per_h=LU.decay_constant_per_h, elapsed_h=48) == pytest.approx(0.8118, abs=5e-5)


def test_mean_over_the_frame_becomes_its_start():
    """Checked by numerical integration of the decay over a 30-minute frame of 99mTc."""
    rate = load_nuclide("Tc-99m").decay_constant_per_h
    middles = (np.arange(100_000) + 0.5) / 100_000 * 0.5
    mean = np.exp(-rate * middles).mean()
    assert frame_start_factor(decay_constant_per_h=rate, duration_h=0.5) * mean == pytest.approx(1, rel=1e-9)
    values, findings = factors(image(DecayKind.ACQUISITION, frame_s=1800), load_nuclide("Tc-99m"))
    assert values == pytest.approx(1 / mean, rel=1e-9)
    assert findings == ()


def test_no_duration_changes_nothing_and_warns():
    values, findings = factors(image(DecayKind.ACQUISITION, frame_s=None))
    assert (values == 1).all()
    assert [finding.code for finding in findings] == ["frame-duration-missing"]


def test_later_beds_are_brought_to_the_first():
    delay_s = np.array([0.0, 0.0, 7200.0])
    values, _ = factors(image(DecayKind.ACQUISITION, delay_s=delay_s), load_nuclide("Tc-99m"))
    assert values[0] == values[1]
    assert values[2] / values[0] == pytest.approx(2 ** (2 / 6.0067), rel=1e-9)


def test_administration_correction_is_undone():
    values, findings = factors(image(DecayKind.ADMINISTRATION))
    assert values == pytest.approx(2 ** (-24 / 159.528), rel=1e-9)
    assert findings == ()


def test_the_images_own_administration_time_wins():
    values, _ = factors(image(DecayKind.ADMINISTRATION, START + timedelta(hours=1)))
    assert values == pytest.approx(2 ** (-23 / 159.528), rel=1e-9)


def test_series_start_is_moved_to_the_frame():
    """A later bed whose series began 2 h earlier; values already refer to one moment, whatever the slice delay."""
    delay_s = np.array([0.0, 600.0, 1200.0])
    values, _ = factors(image(DecayKind.SERIES_START, ACQUIRED - timedelta(hours=2), delay_s=delay_s))
    assert values == pytest.approx(2 ** (-2 / 159.528), rel=1e-9)


def test_explicit_moment_after_the_frame():
    values, _ = factors(image(DecayKind.EXPLICIT, ACQUIRED + timedelta(hours=3)))
    assert values == pytest.approx(2 ** (3 / 159.528), rel=1e-9)


@pytest.mark.parametrize("kind", [DecayKind.SERIES_START, DecayKind.EXPLICIT])
def test_unknown_moment_is_asked_for(kind):
    with pytest.raises(StudyError, match="decay_reference") as caught:
        factors(image(kind))
    assert caught.value.code == "missing-decay-moment"


RATES = st.floats(1e-3, 1.0)


@given(RATES, st.floats(-200, 200), st.floats(-200, 200))
def test_decay_composes(rate, first_h, second_h):
    def decay(hours):
        return decay_factor(decay_constant_per_h=rate, elapsed_h=hours)

    assert decay(first_h) * decay(second_h) == pytest.approx(decay(first_h + second_h), rel=1e-9)


@given(RATES, st.floats(0, 100), st.floats(1e-6, 100))
def test_frames_compose(rate, first_h, second_h):
    """The activity in two successive frames adds up to that in one."""

    def mean(hours):
        return 1 / frame_start_factor(decay_constant_per_h=rate, duration_h=hours)

    parts = first_h * mean(first_h) + math.exp(-rate * first_h) * second_h * mean(second_h)
    assert parts == pytest.approx((first_h + second_h) * mean(first_h + second_h), rel=1e-9)
