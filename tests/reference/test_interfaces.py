"""Tissues side by side: Monte Carlo against a finer run of itself, and what kernels make of them.

The numbers are those that the specification of the engines asks for; the geometry is a half space of activity.
"""

import numpy as np
import pytest

import theradose.dose  # noqa: F401
from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.material import MaterialMap
from theradose.nuclides import load_nuclide

LIVER, LUNG = ("liver", 1.06), ("lung", 0.26)
BONE = ("cortical-bone", 1.85)


def half_space(engine, *, below, above, side_mm=3.0, wide=True, decays=400_000, seed=3):
    """Dose along the axis through two layers of 24 mm, the lower one filled with 90Y, and its uncertainty."""
    count = round(48 / side_mm)
    # A few voxels of 60 mm are as good as an endless layer; the kernels want cubes, as wide as electrons go in lung.
    shape, lateral = ((count, 3, 3), 60.0) if wide else ((count, 31, 31), side_mm)
    first = np.zeros(shape, bool)
    first[: count // 2] = True
    grid = Grid.axis_aligned(shape, (side_mm, lateral, lateral))
    request = DoseRequest(
        Volume(first.astype(np.float32), grid),
        DensityMap(np.where(first, below[1], above[1]).astype(np.float32), grid),
        load_nuclide("Y-90"),
        materials=MaterialMap(np.where(first, 1, 2).astype(np.uint8), grid, names={1: below[0], 2: above[0]}),
        transport=transport_settings(histories=decays, seed=seed),
    )
    dose, _ = dose_engines.get(engine)(request)
    axis = (slice(None), shape[1] // 2, shape[2] // 2)
    return dose.data[axis].astype(float), None if dose.u is None else dose.u.data[axis].astype(float)


@pytest.mark.parametrize(("below", "above"), [(LIVER, LUNG), (LUNG, LIVER), (LIVER, BONE)])
def test_voxels_ten_times_finer_change_nothing(below, above):
    coarse, u_coarse = half_space("montecarlo", below=below, above=above)
    fine, u_fine = half_space("montecarlo", below=below, above=above, side_mm=0.3, decays=800_000, seed=4)
    fine, u_fine = fine.reshape(-1, 10).mean(axis=1), np.sqrt((u_fine.reshape(-1, 10) ** 2).sum(axis=1)) / 10
    known = u_coarse < 0.05 * coarse
    assert np.count_nonzero(known) >= 9
    pulls = (coarse - fine)[known] / np.hypot(u_coarse, u_fine)[known]
    # The uncertainties are estimated from 20 batches, so that the pulls are of Student's t with 19 and more degrees.
    assert np.abs(pulls).max() < 4.0 and np.sqrt(np.mean(pulls**2)) < 1.6


def test_lung_beside_liver():
    """Lung next to active liver: the kernel of uniform tissue is far too low, the density-scaled one is not.

    It agrees within 7 %, or three standard uncertainties where that is more.
    """
    truth, u = half_space("montecarlo", below=LIVER, above=LUNG, decays=1_000_000)
    plain, _ = half_space("kernel", below=LIVER, above=LUNG, wide=False)
    scaled, _ = half_space("kernel-density-scaled", below=LIVER, above=LUNG, wide=False)
    hybrid, _ = half_space("hybrid", below=LIVER, above=LUNG, wide=False, decays=1000)
    lung = slice(9, 13)
    assert np.all(u[lung] < 0.08 * truth[lung])
    assert np.all(plain[lung] < 0.2 * truth[lung])
    assert np.all(np.abs(scaled[lung] - truth[lung]) < np.maximum(0.07 * truth[lung], 3 * u[lung]))
    assert np.abs(scaled[:8] / truth[:8] - 1)[2:].max() < 0.02
    assert np.allclose(hybrid, scaled, rtol=0.02)
