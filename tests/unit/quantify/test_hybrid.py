"""Hybrid curves: the shape is planar, the size is SPECT, and the uncertainty says which is which."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theradose.errors import FitError
from theradose.model.curve import TimeActivityCurve
from theradose.quantify.hybrid import PlanarRate, hybrid_curve

RATE = math.log(2) / 50


def spect(*times, u=0.05):
    times = np.array(times or (24.0,))
    activity = 100 * np.exp(-RATE * times)
    return TimeActivityCurve(
        "left-kidney", times, activity, u * activity, {"calibration:A": 0.03, "volume": None}, "image"
    )


def planar(*times, scale=7.0, u=0.02):
    return [PlanarRate(f"p{t:g}", t, scale * math.exp(-RATE * t), u) for t in times]


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_the_scale_of_planar_images_drops_out(scale):
    curve, findings = hybrid_curve(spect(), planar(1, 24.5, 96, 168, scale=scale), scale_t_h=24.0, same_session_h=4)
    assert findings == () and curve.source == "hybrid"
    assert curve.t_h.tolist() == [1.0, 24.0, 96.0, 168.0]
    assert curve.activity_mbq == pytest.approx(100 * np.exp(-RATE * curve.t_h), rel=1e-9)


def test_uncertainty_is_common_or_independent():
    curve, _ = hybrid_curve(spect(), planar(1, 24, 96, 168), scale_t_h=24.0, same_session_h=4)
    assert curve.common == {
        "calibration:A": 0.03, "volume": None, "spect:left-kidney": pytest.approx(0.05),
        "planar-scale:left-kidney": pytest.approx(0.02),
    }  # fmt: skip
    assert curve.u_independent_mbq / curve.activity_mbq == pytest.approx(np.full(4, 0.02))


def test_the_scaling_spect_is_common_to_what_it_scales():
    """An error of the scaling SPECT moves every planar point: the stated uncertainty of each holds it."""
    first, _ = hybrid_curve(spect(24.0, 96.0), planar(1, 24, 95, 168), scale_t_h=24.0, same_session_h=4)
    assert first.t_h.tolist() == [1.0, 24.0, 96.0, 168.0]
    assert first.common["spect:left-kidney"] == pytest.approx(0.05)
    assert first.u_independent_mbq / first.activity_mbq == pytest.approx([0.02, 0.02, 0.05, 0.02])
    original = spect(24.0, 96.0)
    raised = TimeActivityCurve(
        original.region, original.t_h, original.activity_mbq * [1.05, 1.0], original.u_independent_mbq,
        original.common, "image",
    )  # fmt: skip
    moved, _ = hybrid_curve(raised, planar(1, 24, 95, 168), scale_t_h=24.0, same_session_h=4)
    assert moved.activity_mbq / first.activity_mbq == pytest.approx([1.05, 1.05, 1.0, 1.05])


def test_a_spect_between_planar_images_is_interpolated():
    curve, findings = hybrid_curve(spect(48.0), planar(24, 96), scale_t_h=48.0, same_session_h=4)
    assert findings == ()
    assert curve.activity_mbq == pytest.approx(100 * np.exp(-RATE * curve.t_h), rel=1e-9)


def test_a_spect_before_the_planar_images_is_extrapolated_with_a_finding():
    curve, findings = hybrid_curve(spect(24.0), planar(48, 96, 168), scale_t_h=24.0, same_session_h=4)
    assert [finding.code for finding in findings] == ["hybrid-scale-extrapolated"]
    assert curve.activity_mbq == pytest.approx(100 * np.exp(-RATE * curve.t_h), rel=1e-9)
    # The line through 48 and 96 h at 24 h: weights 1.5 and −0.5.
    assert curve.common["planar-scale:left-kidney"] == pytest.approx(0.02 * math.hypot(1.5, 0.5))


def test_what_cannot_be_scaled_is_refused():
    with pytest.raises(FitError) as lonely:
        hybrid_curve(spect(24.0), planar(96), scale_t_h=24.0, same_session_h=4)
    assert lonely.value.code == "hybrid-scale"
    empty = TimeActivityCurve("x", np.array([24.0]), np.array([0.0]), np.array([1.0]), {}, "image")
    with pytest.raises(FitError) as cold:
        hybrid_curve(empty, planar(1, 24, 96), scale_t_h=24.0, same_session_h=4)
    assert cold.value.code == "hybrid-scale"
