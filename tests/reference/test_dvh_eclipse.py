"""Dose-volume histograms against a planning system: a prostate plan exported with its own table.

Dose grid, contours and the table of Eclipse are test data of SlicerRT (../shared/data/README.md). Contours lie on the
planes of the dose grid. The rules differ between planning systems: where the end of a structure lies, how a boundary
voxel is shared, whether the dose is interpolated; they agree on volumes only within about 1 %.
"""

from __future__ import annotations

import base64
import csv
import gzip
import re
import struct
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest

from theradose.dose.dvh import RegionDoses
from theradose.model.contour import Contour, ContourRegion, ContourSet
from theradose.model.grid import Grid, Volume
from theradose.spatial.rasterise import rasterise

# Name in the contour file, name in the table.
STRUCTURES = {
    "BODY": "BODY",
    "Bladder": "Bladder",
    "Femoral Head Lt": "FemoralHeadLt",
    "Femoral Head RT": "FemoralHeadRT",
    "PTV": "PTV",
    "Rectum": "Rectum",
}
# About 1 % between planning systems, and for the rectum of 30 mL over 40 planes half a boundary pixel more.
VOLUME_TOLERANCE = 0.015
_TYPES = {"Float32": "<f4", "Float64": "<f8", "Int32": "<i4", "Int64": "<i8"}


def read_dose(path):
    """A gzip NRRD along the LPS axes."""
    header, packed = path.read_bytes().split(b"\n\n", 1)
    fields = dict(line.split(": ", 1) for line in header.decode().splitlines() if ": " in line)
    assert (fields["type"], fields["encoding"], fields["space"]) == ("float", "gzip", "left-posterior-superior")
    nx, ny, nz = map(int, fields["sizes"].split())
    directions = np.array(re.findall(r"[-\d.e]+", fields["space directions"]), float).reshape(3, 3)
    assert np.array_equal(directions, np.diag(np.diag(directions)))
    dx, dy, dz = np.diag(directions)
    origin = tuple(map(float, re.findall(r"[-\d.e]+", fields["space origin"])))
    values = np.frombuffer(gzip.decompress(packed), "<f4").reshape(nz, ny, nx)
    return Volume(values, Grid.axis_aligned((nz, ny, nx), (dz, dy, dx), origin))


def decode(element):
    """Inline binary of VTK XML: counts and block sizes in base64, then zlib blocks in base64."""
    text = element.text.strip()
    (blocks,) = struct.unpack("<I", base64.b64decode(text[:8])[:4])
    header_bytes = 4 * (3 + blocks)
    header_text = -(-header_bytes // 3) * 4
    sizes = np.frombuffer(base64.b64decode(text[:header_text])[:header_bytes], "<u4")[3:]
    packed, content, start = base64.b64decode(text[header_text:]), b"", 0
    for size in sizes:
        content += zlib.decompress(packed[start : start + size])
        start += size
    return content


def array(element):
    return np.frombuffer(decode(element), _TYPES[element.get("type")])


def read_contours(path):
    """One structure: closed lines in RAS coordinates, which the left femoral head on the negative side shows."""
    root = ElementTree.parse(path).getroot()
    name = next(decode(part) for part in root.iter("Array") if part.get("Name") == "Segment_Name")
    points = array(root.find("PolyData/Piece/Points/DataArray")).reshape(-1, 3).astype(float) * (-1, -1, 1)
    lines = {part.get("Name"): array(part) for part in root.findall("PolyData/Piece/Lines/DataArray")}
    # Each line ends at its first point, which a contour does not repeat.
    parts = np.split(lines["connectivity"], lines["offsets"][:-1])
    assert all(part[0] == part[-1] for part in parts)
    return name.decode().rstrip("\0"), tuple(Contour(points[part[:-1]]) for part in parts)


def read_table(path):
    """For each structure: stated volume in mL, dose in Gy, cumulative volume in per cent."""
    with path.open(newline="") as stream:
        headers, *rows = csv.reader(stream)
    values = np.array([[float(cell) for cell in row[: len(STRUCTURES) * 2]] for row in rows])
    table = {}
    for column in range(0, len(STRUCTURES) * 2, 2):
        name = headers[column].removesuffix("_DvhArray Dose (Gy)")
        volume_ml = float(re.search(r"% of ([\d.]+) cc", headers[column + 1])[1])
        table[name] = volume_ml, values[:, column], values[:, column + 1]
    return table


def dose_at(dose_gy, percent, share):
    """D_share of a cumulative histogram that falls from 100."""
    return float(np.interp(-100 * share, -percent, dose_gy))


@pytest.fixture(scope="module")
def plan(shared_data):
    folder = shared_data / "dvh"
    dose = read_dose(folder / "EclipseProstate_Dose.nrrd")
    read = dict(map(read_contours, sorted((folder / "EclipseProstate_Structures.seg").glob("*.vtp"))))
    contours = ContourSet(tuple(ContourRegion(name, n, lines) for n, (name, lines) in enumerate(read.items(), 1)))
    segmentation, findings = rasterise(contours, dose.grid, fractional=True)
    assert findings == ()
    doses = {name: RegionDoses(dose, segmentation.voxels_of(name)) for name in segmentation.names}
    return doses, read_table(folder / "EclipseProstate_DvhTable_Eclipse.csv")


@pytest.mark.parametrize(("name", "column"), STRUCTURES.items())
def test_volumes(plan, name, column):
    doses, table = plan
    assert doses[name].volume_ml == pytest.approx(table[column][0], rel=VOLUME_TOLERANCE)


@pytest.mark.parametrize("share", [0.95, 0.50, 0.02])
@pytest.mark.parametrize(("name", "column"), STRUCTURES.items())
def test_doses_to_the_hottest_part(plan, name, column, share):
    """D95, D50, D2 lie between the table's doses to 1.5 % of the volume more and less.

    A boundary that differs by 1.5 % of the volume moves D_x by that part of the histogram and by no more; one bin of
    the table, 0.046 Gy, is its rounding.
    """
    doses, table = plan
    _, dose_gy, percent = table[column]
    low = dose_at(dose_gy, percent, min(share + VOLUME_TOLERANCE, 1.0))
    high = dose_at(dose_gy, percent, max(share - VOLUME_TOLERANCE, 0.0))
    rounding = dose_gy[1] - dose_gy[0]
    assert low - rounding <= doses[name].dose_to_hottest(share) <= high + rounding


@pytest.mark.parametrize(("name", "column"), STRUCTURES.items())
def test_mean_doses(plan, name, column):
    """The mean is the area under the cumulative histogram. 1.5 % more or less volume, at a dose that differs from the
    mean by less than the mean itself, moves it by at most 1.5 %."""
    doses, table = plan
    _, dose_gy, percent = table[column]
    assert doses[name].mean_gy == pytest.approx(np.trapezoid(percent, dose_gy) / 100, rel=VOLUME_TOLERANCE)


def test_index_and_histogram_agree(plan):
    """V at D_x is at least x, and the printed curve is the cumulative function itself."""
    doses, _ = plan
    for region in doses.values():
        for share in (0.95, 0.5, 0.02):
            assert region.fraction_at(region.dose_to_hottest(share)) >= share * (1 - 1e-9)
        histogram = region.histogram()
        assert histogram.cumulative_fraction[0] == 1.0
        area = np.diff(histogram.dose_gy) @ histogram.differential_ml_per_gy
        assert area == pytest.approx(region.volume_ml, rel=1e-9)
