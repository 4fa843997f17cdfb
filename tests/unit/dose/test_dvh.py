import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theradose.dose.dvh import RegionDoses
from theradose.errors import GeometryError
from theradose.model.grid import Grid, Volume
from theradose.model.region import RegionVoxels


def _doses(values, fractions=None):
    values = np.asarray(values, np.float32).reshape(1, 1, -1)
    grid = Grid.axis_aligned(values.shape, (10.0, 10.0, 10.0))
    fraction = np.ones(values.shape, np.float32) if fractions is None else np.reshape(fractions, values.shape)
    return RegionDoses(Volume(values, grid), RegionVoxels((0, 0, 0), fraction))


def test_indices_of_a_known_ladder():
    # 100 voxels of 1 mL with 1, 2, … 100 Gy: D95 is the dose that the hottest 95 voxels reach, 6 Gy.
    doses = _doses(np.arange(1, 101))
    assert doses.volume_ml == pytest.approx(100.0)
    assert doses.mean_gy == pytest.approx(50.5)
    assert doses.dose_to_hottest(0.95) == 6.0
    assert doses.dose_to_hottest(0.50) == 51.0
    assert doses.dose_to_hottest(0.02) == 99.0
    assert doses.dose_to_hottest(1.0) == 1.0
    assert doses.fraction_at(51.0) == pytest.approx(0.5)
    assert doses.fraction_at(50.5) == pytest.approx(0.5)
    assert doses.fraction_at(101.0) == 0.0


def test_partial_voxels_count_with_their_fraction():
    doses = _doses([10.0, 20.0], [1.0, 0.5])
    assert doses.volume_ml == pytest.approx(1.5)
    assert doses.mean_gy == pytest.approx(20.0 / 1.5)
    assert doses.fraction_at(20.0) == pytest.approx(1 / 3)


def test_a_region_without_voxels_is_refused():
    with pytest.raises(GeometryError, match="without voxels"):
        _doses([1.0, 2.0], [0.0, 0.0])


@given(st.lists(st.floats(0, 500, width=32), min_size=1, max_size=60))
def test_histogram_is_consistent(values):
    doses = _doses(values)
    histogram = doses.histogram(bins=50)
    widths = np.diff(histogram.dose_gy)
    assert histogram.cumulative_fraction[0] == pytest.approx(1.0)
    assert (np.diff(histogram.cumulative_fraction) <= 1e-12).all()
    assert (histogram.differential_ml_per_gy * widths).sum() == pytest.approx(doses.volume_ml)
    assert doses.dose_to_hottest(0.95) <= doses.dose_to_hottest(0.5) <= doses.dose_to_hottest(0.02)
