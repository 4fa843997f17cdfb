"""Dose of maps in NIfTI files: time-integrated activity, density and tissues, without a study."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from theradose.dose.engines import INTERRUPTED, DoseRequest, Progress, TransportSettings, dose_engines
from theradose.dose.transported import map_mean, voxel_noise
from theradose.errors import PhysicsError, StudyError
from theradose.formats.nifti import is_nifti, write_nifti
from theradose.model.document import pair_document
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.model.region import RegionVoxels
from theradose.nuclides import NuclearData, load_nuclide
from theradose.provenance import hash_file, software_versions
from theradose.workflow.engine_document import compared_region, engine_fields
from theradose.workflow.map_files import check_material_names, read_density, read_map, read_materials


@dataclass(frozen=True, slots=True)
class MapFiles:
    """What is read and written; all maps lie on one grid.

    Attributes
    ----------
    tia : Path
        Time-integrated activity, MBq·h/mL.
    density : Path
        g/mL.
    dose : Path
        Where the dose in Gy goes.
    materials : Path or None
        Labels of tissues, named by `material_names`.
    material_names : mapping of int to str
        Material of each label.
    regions : Path or None
        Labels of regions; 0 is no region.
    region_names : mapping of int to str
        Name of each label that is a region; empty takes all labels, as ``label-1``.
    u : Path or None
        Where the statistical standard uncertainty in Gy goes.
    difference : Path or None
        Where the dose of the cross-check minus that of the engine goes, Gy.
    """

    tia: Path
    density: Path
    dose: Path
    materials: Path | None = None
    material_names: Mapping[int, str] = field(default_factory=dict)
    regions: Path | None = None
    region_names: Mapping[int, str] = field(default_factory=dict)
    u: Path | None = None
    difference: Path | None = None

    def __post_init__(self) -> None:
        check_material_names(self.materials, self.material_names)
        if self.region_names and self.regions is None:
            raise StudyError("--region-names are those of an image of labels: give it with --regions.",
                             code="region-names")  # fmt: skip
        read = [path.resolve() for path in (self.tia, self.density, self.materials, self.regions) if path is not None]
        written = [path for path in (self.dose, self.u, self.difference) if path is not None]
        for path in written:
            if not is_nifti(path):
                raise StudyError(f"'{path.name}' cannot be written: a map is written to .nii or .nii.gz.",
                                 code="out-format")  # fmt: skip
            if path.resolve() in read or [other.resolve() for other in written].count(path.resolve()) > 1:
                raise StudyError(f"'{path.name}' would replace another map of the same command: choose another name.",
                                 code="out-exists")  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class MapDose:
    """The dose of one request.

    Attributes
    ----------
    request : DoseRequest
        What was asked for.
    dose : DoseMap
        By the engine.
    cross : DoseMap or None
        By the engine of the cross-check.
    findings, cross_findings : tuple of Finding
        Of reading and of the engine, and of the engine of the cross-check.
    duration_s, cross_duration_s : float
        Wall-clock time of each engine.
    inputs : mapping of str to dict
        Name and hash of each file that was read.
    """

    request: DoseRequest
    dose: DoseMap
    cross: DoseMap | None
    findings: tuple[Finding, ...]
    cross_findings: tuple[Finding, ...]
    duration_s: float
    cross_duration_s: float
    inputs: Mapping[str, Mapping[str, str]]

    @property
    def interrupted(self) -> bool:
        """Whether an engine returned only what it had."""
        return any(finding.code == INTERRUPTED for finding in (*self.findings, *self.cross_findings))

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``theradose dose --json`` prints."""
        tia, nuclide = self.request.tia, self.request.nuclide
        return {
            **_engine_document(self.dose, self.duration_s),
            "nuclide": nuclide.name,
            "nuclear_data": nuclide.nuclear_data,
            "grid": {"shape": list(tia.grid.shape), "spacing_mm": list(tia.grid.spacing_mm)},
            "tia_mbq_h": float(tia.data.sum(dtype=np.float64)) * tia.grid.voxel_volume_ml,
            "transport": asdict(self.request.transport),
            "regions": [self._region(name, voxels) for name, voxels in self.request.regions.items()],
            "cross_check": None if self.cross is None else self._cross_check(self.cross),
            "inputs": {name: dict(of_file) for name, of_file in self.inputs.items()},
            "software": software_versions(),
            "findings": [finding.to_json() for finding in self.findings],
        }

    def _region(self, name: str, voxels: RegionVoxels) -> dict[str, Any]:
        volume_ml = self.request.tia.grid.voxel_volume_ml
        mass_g, tia_mbq_h = (
            voxels.sum_of(volume.data) * volume_ml for volume in (self.request.density, self.request.tia)
        )
        mean = map_mean(region=name, dose=self.dose, voxels=voxels)
        return {
            "name": name,
            "volume_ml": voxels.voxel_count * volume_ml,
            "mass_g": mass_g,
            "tia_mbq_h": tia_mbq_h,
            "dose_gy": pair_document(mean),
            "relative_u": mean.relative_u if mean.contributions else None,
            "voxel_relative_u": voxel_noise(dose=self.dose, voxels=voxels, mean_gy=mean.value),
            "maximum_gy": float(self.dose.data[voxels.box][voxels.fraction > 0].max()),
        }

    def _cross_check(self, cross: DoseMap) -> dict[str, Any]:
        regions = [
            compared_region(name, *(map_mean(region=name, dose=dose, voxels=voxels) for dose in (self.dose, cross)))
            for name, voxels in self.request.regions.items()
        ]
        return {
            **_engine_document(cross, self.cross_duration_s),
            "regions": [region.model_dump(mode="json") for region in regions],
            "findings": [finding.to_json() for finding in self.cross_findings],
        }


def dose_of_maps(
    files: MapFiles,
    *,
    nuclide: str,
    engine: str,
    transport: TransportSettings,
    nuclear_data: NuclearData = "ddep",
    cross_check: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> MapDose:
    """Compute the dose of maps and write it.

    Parameters
    ----------
    files : MapFiles
        What is read and written.
    nuclide : str
        For example ``Lu-177``.
    engine, cross_check : str
        Names in ``dose_engines``.
    transport : TransportSettings
        For engines that sample.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of the emissions.
    progress : callable, optional
        Told how far the engine is.

    Raises
    ------
    TheradoseError
        In one sentence, for maps, names or engines that cannot be used; nothing is written then.
    """
    engines = [dose_engines.get(name) for name in (engine, cross_check) if name is not None]
    if engine == cross_check:
        raise StudyError(f"The cross-check of '{engine}' needs another engine: choose one of those in 'theradose "
                         "info'.", code="cross-check-engine")  # fmt: skip
    if files.difference is not None and cross_check is None:
        raise StudyError("A difference is that of two engines: give the second with --cross-check.",
                         code="cross-check-engine")  # fmt: skip
    loaded_nuclide = load_nuclide(nuclide, nuclear_data=nuclear_data)
    tia, findings = read_map(files.tia)
    if not tia.data.any():
        raise PhysicsError(f"'{files.tia.name}' holds no activity: every voxel is 0.", code="tia-empty")
    request = DoseRequest(
        tia,
        read_density(files.density),
        loaded_nuclide,
        materials=read_materials(files.materials, files.material_names),
        regions=_regions(files, tia),
        transport=transport,
        progress=progress,
    )
    results = []
    for run in engines:
        started = time.perf_counter()
        results.append((*run(request), time.perf_counter() - started))
    dose, noticed, duration_s = results[0]
    cross, of_cross, cross_duration_s = results[1] if len(results) > 1 else (None, (), 0.0)
    read = {"tia": files.tia, "density": files.density, "materials": files.materials, "regions": files.regions}
    inputs = {
        name: {"file": path.name, "sha256": hash_file(path)} for name, path in read.items() if path is not None
    }  # fmt: skip
    finished = MapDose(
        request, dose, cross, (*findings, *noticed), tuple(of_cross), duration_s, cross_duration_s, inputs
    )  # fmt: skip
    _write(finished, files)
    return finished


def _engine_document(dose: DoseMap, duration_s: float) -> dict[str, Any]:
    fields = engine_fields(dose)
    return {
        **fields,
        "energy": [part.model_dump() for part in fields["energy"]],
        "statistics": None if fields["statistics"] is None else fields["statistics"].model_dump(),
        "duration_s": duration_s,
    }


def _regions(files: MapFiles, tia: Volume) -> dict[str, RegionVoxels]:
    if files.regions is None:
        return {}
    labels, _ = read_map(files.regions)
    if not labels.grid.matches(tia.grid):
        raise PhysicsError(
            "The regions and the time-integrated activity are on different grids: resample one of them.",
            code="grid-mismatch",
        )
    found = [int(label) for label in np.unique(labels.data) if label > 0 and label == int(label)]
    names = dict(files.region_names) or {label: f"label-{label}" for label in found}
    absent = [f"{label}={name}" for label, name in names.items() if label not in found]
    if absent or not names:
        raise StudyError(
            f"'{files.regions.name}' has no voxel of {', '.join(absent) or 'any region'}: its labels are "
            f"{', '.join(map(str, found)) or 'only 0'}.",
            code="label-missing",
        )
    return {name: RegionVoxels.from_mask(labels.data == label) for label, name in names.items()}


def _write(finished: MapDose, files: MapFiles) -> None:
    dose, cross = finished.dose, finished.cross
    if files.u is not None and dose.u is None:
        raise StudyError(
            f"The engine '{dose.engine}' does not sample, so there is no statistical uncertainty: leave --u-out out.",
            code="no-statistics",
        )
    _write_whole(dose, files.dose)
    if files.u is not None and dose.u is not None:
        _write_whole(dose.u, files.u)
    if files.difference is not None and cross is not None:
        _write_whole(Volume(cross.data - dose.data, dose.grid), files.difference)


def _write_whole(volume: Volume, path: Path) -> None:
    """Write a map whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".part-{path.name}")
    try:
        write_nifti(volume, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
