"""Written SPECT and CT are valid DICOM and read back as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom_support import CONTEXT, FRAME_UID, ORIENTATIONS, oriented_grid, validation_errors
from theradose.acquire.load import load_ct, load_emission
from theradose.errors import DicomError
from theradose.formats.dicom.ct_write import CtAcquisition, write_ct_series
from theradose.formats.dicom.nm_write import NmAcquisition, write_nm_volume
from theradose.model.activity import DecayKind, ImageUnit
from theradose.model.grid import Grid, Volume

AT = datetime(2026, 3, 2, 14, 5, tzinfo=timezone(timedelta(hours=1)))
SPECT = NmAcquisition(
    nuclide="Lu-177",
    radiopharmaceutical="[177Lu]Lu-DOTATATE",
    administered_mbq=7400.0,
    administered_at=AT - timedelta(hours=4),
    acquired_at=AT,
    views=60,
    seconds_per_view=20.0,
    heads=2,
    energy_window_kev=(187.2, 228.8),
    counts_accumulated=4_321_000,
    corrections=("ATTN", "SCAT"),
    camera="TEST",
)
CT = CtAcquisition(acquired_at=AT, scanner="TEST", kvp=120, tube_current_ma=60)
HEAD_FIRST = replace(CONTEXT, study_at=AT, content_at=AT, patient_position="HFS")


def _volume(grid: Grid, largest: float) -> Volume:
    return Volume(np.random.default_rng(1).uniform(0, largest, grid.shape), grid)


def _write_nm(path: Path, volume: Volume, unit: ImageUnit):
    return write_nm_volume(path, volume, unit=unit, acquisition=SPECT, context=HEAD_FIRST, description="SPECT")


def _write_ct(folder: Path, volume: Volume):
    return write_ct_series(folder, volume, acquisition=CT, context=HEAD_FIRST, description="CT")


def test_spect_and_ct_are_valid(tmp_path: Path):
    grid = oriented_grid("HFS")
    _write_nm(tmp_path / "nm_counts.dcm", _volume(grid, 900), ImageUnit.COUNTS)
    _write_nm(tmp_path / "nm_bqml.dcm", _volume(grid, 2e6), ImageUnit.BQ_PER_ML)
    _write_ct(tmp_path / "ct", _volume(grid, 1000))
    assert validation_errors(*sorted(tmp_path.rglob("*.dcm"))) == []


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
def test_counts_come_back(tmp_path: Path, orientation: str):
    volume = _volume(oriented_grid(orientation), 900)
    _write_nm(tmp_path / "nm.dcm", volume, ImageUnit.COUNTS)
    image, _ = load_emission(tmp_path / "nm.dcm", nuclide="Lu-177", administration_start=SPECT.administered_at)
    assert image.unit is ImageUnit.COUNTS
    assert image.decay_reference.kind is DecayKind.ACQUISITION
    assert image.count_duration_s == 1200
    assert image.total_counts == SPECT.counts_accumulated
    assert image.acquired_at == AT
    assert image.nuclide == "Lu-177"
    assert image.volume.grid.frame_of_reference == FRAME_UID
    _same_values(image.volume, volume, tolerance=0.5)


def test_concentrations_come_back(tmp_path: Path):
    volume = _volume(oriented_grid("HFS"), 2e6)
    _write_nm(tmp_path / "nm.dcm", volume, ImageUnit.BQ_PER_ML)
    image, _ = load_emission(tmp_path / "nm.dcm", nuclide="Lu-177", administration_start=SPECT.administered_at)
    assert image.unit is ImageUnit.BQ_PER_ML
    # Half a step of 16 bits, and single precision.
    _same_values(image.volume, volume, tolerance=2e6 / 65535)


def test_many_counts_are_scaled(tmp_path: Path):
    volume = _volume(oriented_grid("HFS"), 2e5)
    _write_nm(tmp_path / "nm.dcm", volume, ImageUnit.COUNTS)
    image, _ = load_emission(tmp_path / "nm.dcm", nuclide="Lu-177", administration_start=SPECT.administered_at)
    _same_values(image.volume, volume, tolerance=2e5 / 65535)


@pytest.mark.parametrize("orientation", sorted(ORIENTATIONS))
def test_ct_comes_back(tmp_path: Path, orientation: str):
    volume = _volume(oriented_grid(orientation), 1500)
    reference = _write_ct(tmp_path / "ct", volume)
    assert len(reference.instance_uids) == len(list((tmp_path / "ct").iterdir())) == 5
    ct, _ = load_ct(tmp_path / "ct")
    _same_values(ct, volume, tolerance=0.5)


def test_slices_against_the_normal_are_reordered(tmp_path: Path):
    grid = oriented_grid("HFS")
    affine = grid.affine_mm.copy()
    affine[:3, 3] += 4 * affine[:3, 0]
    affine[:3, 0] *= -1
    volume = _volume(Grid(grid.shape, affine, FRAME_UID), 900)
    reference = _write_nm(tmp_path / "nm.dcm", volume, ImageUnit.COUNTS)
    assert reference.grid is not None and reference.grid.matches(grid)
    assert np.array_equal(
        pydicom.dcmread(tmp_path / "nm.dcm").pixel_array, np.rint(volume.data[::-1]).astype(np.uint16)
    )


def test_bytes_follow_from_the_content(tmp_path: Path):
    volume = _volume(oriented_grid("HFS"), 900)
    for name in ("first", "second"):
        _write_nm(tmp_path / name / "nm.dcm", volume, ImageUnit.COUNTS)
        _write_ct(tmp_path / name / "ct", volume)
    for file in (tmp_path / "first").rglob("*.dcm"):
        assert file.read_bytes() == (tmp_path / "second" / file.relative_to(tmp_path / "first")).read_bytes()
    other = _write_nm(tmp_path / "other.dcm", Volume(volume.data + 1, volume.grid), ImageUnit.COUNTS)
    assert str(pydicom.dcmread(tmp_path / "first" / "nm.dcm").SOPInstanceUID) not in other.instance_uids


@pytest.mark.parametrize(
    ("value", "frame", "code"),
    [(-1.0, FRAME_UID, "nm-values"), (np.nan, FRAME_UID, "nm-values"), (1.0, None, "frame-of-reference-missing")],
)
def test_spect_refusals(tmp_path: Path, value: float, frame: str | None, code: str):
    grid = oriented_grid("HFS")
    volume = Volume(np.full(grid.shape, value), Grid(grid.shape, grid.affine_mm, frame))
    with pytest.raises(DicomError) as refusal:
        _write_nm(tmp_path / "nm.dcm", volume, ImageUnit.COUNTS)
    assert refusal.value.code == code
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "frame", "code"),
    [(4000.0, FRAME_UID, "ct-range"), (np.nan, FRAME_UID, "ct-range"), (0.0, None, "frame-of-reference-missing")],
)
def test_ct_refusals(tmp_path: Path, value: float, frame: str | None, code: str):
    grid = oriented_grid("HFS")
    volume = Volume(np.full(grid.shape, value), Grid(grid.shape, grid.affine_mm, frame))
    with pytest.raises(DicomError) as refusal:
        _write_ct(tmp_path / "ct", volume)
    assert refusal.value.code == code


def _same_values(found: Volume, written: Volume, *, tolerance: float) -> None:
    assert found.grid.matches(written.grid)
    # Single precision adds a relative 1e-7.
    assert np.abs(found.data - written.data).max() <= tolerance * 1.001
