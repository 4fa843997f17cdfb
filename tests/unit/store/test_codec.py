from datetime import UTC, datetime

import numpy as np
import pytest

from theradose.model.activity import ActivityMap, DecayKind, DecayReference
from theradose.model.grid import Grid
from theradose.model.region import Region, RegionKind, RegionVoxels, Segmentation
from theradose.store.codec import read_value, write_value
from theradose.uncertainty import Uncertain

GRID = Grid.axis_aligned((2, 3, 4), (4.0, 3.0, 2.0), frame_of_reference="1.2.3")


def test_nested_values_come_back_equal(tmp_path):
    value = {
        "map": ActivityMap(np.arange(24.0).reshape(GRID.shape), GRID, t_h=4.5, nuclide="Lu-177"),
        "when": DecayReference(DecayKind.ADMINISTRATION, datetime(2026, 3, 2, 10, tzinfo=UTC)),
        "dose": Uncertain(4.5, {"calibration:a": -0.2}, frozenset({"volume:x"})),
        "many": (1, 2.5, None, True, "text", float("inf"), [np.float64(1.5)]),
    }
    write_value(value, tmp_path)
    read = read_value(tmp_path)
    assert np.array_equal(read["map"].data, value["map"].data)
    assert not read["map"].data.flags.writeable
    assert read["map"].grid.matches(GRID) and read["map"].grid.frame_of_reference == "1.2.3"
    assert read["when"] == value["when"]
    assert read["dose"].contributions == value["dose"].contributions
    assert read["dose"].not_stated == {"volume:x"}
    assert read["many"] == value["many"]


def test_segmentations_come_back(tmp_path):
    voxels = RegionVoxels.from_mask(np.pad(np.ones((1, 1, 2)), ((0, 1), (1, 1), (1, 1))))
    write_value(Segmentation(GRID, (Region("liver", RegionKind.ORGAN),), (voxels,)), tmp_path)
    read = read_value(tmp_path)
    assert read.regions == (Region("liver", RegionKind.ORGAN),)
    assert read.voxels[0].origin == (0, 1, 1)


def test_foreign_types_are_not_stored(tmp_path):
    with pytest.raises(TypeError):
        write_value(object(), tmp_path)


def test_a_file_cannot_name_a_foreign_type(tmp_path):
    write_value(Uncertain(1.0), tmp_path)
    document = tmp_path / "value.json"
    document.write_text(document.read_text().replace("theradose.uncertainty:Uncertain", "subprocess:Popen"))
    with pytest.raises(TypeError, match="subprocess"):
        read_value(tmp_path)
