from __future__ import annotations

import numpy as np
import pytest

from spatial_phantom import motion
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.spatial.propagate import propagate_segmentation, truncated_regions

DRAWN_ON = Grid.axis_aligned((30, 30, 30), (4.0, 4.0, 4.0))


def drawn() -> Segmentation:
    mask = np.zeros(DRAWN_ON.shape)
    mask[10:20, 10:20, 10:20] = 1
    region = Region("liver", RegionKind.ORGAN, "10200004", 1500.0, "Dr A", "rtstruct", "Dr B")
    return Segmentation(DRAWN_ON, (region,), (RegionVoxels.from_mask(mask),))


def test_a_propagated_region_says_where_it_comes_from_and_awaits_verification() -> None:
    grid = Grid.axis_aligned((40, 40, 40), (4.0, 4.0, 4.0), (-20.0, -20.0, -20.0))
    transform = motion(rotation_deg=(0, 0, 3), shift_mm=(2.0, 1.0, -3.0))
    result = propagate_segmentation(drawn(), grid, transform=transform, source_timepoint="tp1")
    region = result.region("liver")
    assert (region.method, region.verified_by) == ("propagated:tp1", None)
    assert (region.kind, region.code, region.mass_g, region.drafted_by) == (
        RegionKind.ORGAN,
        "10200004",
        1500.0,
        "Dr A",
    )
    assert result.volume_ml("liver") == pytest.approx(drawn().volume_ml("liver"), rel=2e-3)
    assert truncated_regions(drawn(), result) == ()


def test_what_does_not_fit_is_named() -> None:
    half = Grid.axis_aligned((15, 30, 30), (4.0, 4.0, 4.0))
    result = propagate_segmentation(
        drawn(), half, transform=motion(rotation_deg=(0, 0, 0), shift_mm=(0, 0, 0)), source_timepoint="tp1"
    )
    findings = truncated_regions(drawn(), result)
    assert [(f.code, f.where) for f in findings] == [("region-truncated", "liver")]
    assert "32 of 64 mL" in findings[0].message
