"""From counts to unscattered images: which windows are used, and when a correction cannot be made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from planar_images import WINDOWS, pair_of_views
from theradose.errors import CalibrationError
from theradose.formats.decay import frame_start_factor
from theradose.model.planar import EnergyWindow
from theradose.nuclides import load_nuclide
from theradose.quantify.dead_time import true_count_rate
from theradose.quantify.planar_images import primary_images

LU177 = load_nuclide("Lu-177")


def images(pair, method="automatic", dew_factor=None, dead_time_us=None, nuclide=LU177):
    return primary_images(pair, nuclide=nuclide, method=method, dew_factor=dew_factor, dead_time_us=dead_time_us)


def with_windows(pair, *positions):
    """The pair with some of its windows only."""
    chosen = list(positions)
    return replace(
        pair, windows=tuple(pair.windows[n] for n in chosen), anterior=pair.anterior[chosen],
        posterior=pair.posterior[chosen],
    )  # fmt: skip


def test_windows_on_both_sides_are_used():
    pair = pair_of_views()
    found, findings = images(pair)
    scatter = (pair.anterior[0] / WINDOWS[0].width_kev + pair.anterior[2] / WINDOWS[2].width_kev) * 41.6 / 2
    assert findings == () and found.anterior == pytest.approx(pair.anterior[1] - scatter)
    assert found.energy_kev == pytest.approx(208.3662)
    assert found.factor == pytest.approx(
        float(frame_start_factor(decay_constant_per_h=LU177.decay_constant_per_h, duration_h=600 / 3600))
    )


def test_without_scatter_windows_nothing_is_taken_off_and_that_is_said():
    pair = with_windows(pair_of_views(), 1)
    found, findings = images(pair)
    assert np.array_equal(found.posterior, pair.posterior[0]) and found.scatter == "none"
    assert [(f.code, f.severity) for f in findings] == [("planar-scatter-not-corrected", "warning")]
    _, asked = images(pair_of_views(), method="none")
    assert [(f.code, f.severity) for f in asked] == [("planar-scatter-not-corrected", "info")]


def test_dual_window_needs_its_factor():
    pair = with_windows(pair_of_views(), 0, 1)
    found, _ = images(pair, method="dew", dew_factor=0.5)
    assert found.anterior == pytest.approx(pair.anterior[1] - 0.5 * pair.anterior[0])
    with pytest.raises(CalibrationError) as refusal:
        images(pair, method="dew")
    assert refusal.value.code == "scatter-factor"
    with pytest.raises(CalibrationError) as windows:
        images(pair, method="tew")
    assert windows.value.code == "scatter-windows"


def test_dead_time_acts_on_both_heads_together():
    pair = pair_of_views()
    busy = replace(pair, anterior=pair.anterior * 2000, posterior=pair.posterior * 2000)
    observed = float(busy.anterior[1].sum() + busy.posterior[1].sum()) / 600
    found, _ = images(busy, dead_time_us=4.0)
    assert found.dead_time_factor == pytest.approx(true_count_rate(observed_cps=observed, dead_time_us=4.0) / observed)
    assert found.dead_time_factor > 1.05


def test_a_whole_body_scan_refers_to_its_middle_and_has_no_single_rate():
    pair = replace(pair_of_views(), technique="whole-body", elapsed_s=1200.0)
    found, findings = images(pair, dead_time_us=4.0)
    assert found.delay_h == pytest.approx(1 / 6) and found.factor == 1.0 and found.dead_time_factor is None
    assert {f.code for f in findings} == {"whole-body-time-assumed", "dead-time-not-applied"}


def test_a_window_without_limits_is_the_photopeak():
    pair = with_windows(pair_of_views(), 1)
    found, findings = images(replace(pair, windows=(EnergyWindow(0.0, float("inf")),)))
    assert found.energy_kev == pytest.approx(208.3662)
    assert "planar-window-assumed" in {f.code for f in findings}


def test_a_window_of_another_nuclide_is_refused():
    with pytest.raises(CalibrationError) as refusal:
        images(with_windows(pair_of_views(), 0))
    assert refusal.value.code == "planar-photopeak" and "175 to 187.6 keV" in str(refusal.value)


def test_sums_over_a_region_carry_their_variance():
    found, _ = images(pair_of_views())
    mask = np.zeros((16, 24), bool)
    mask[7:10, 18:21] = True
    front, _ = found.region(mask)
    assert front.pixels == 9 and front.counts == pytest.approx(found.anterior[mask].sum())
    assert front.variance == pytest.approx(found.anterior_variance[mask].sum()) and front.variance > front.counts
