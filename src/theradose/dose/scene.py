"""The part of a dose request that holds tissue and activity, as the transport takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from theradose.dose.engines import DoseRequest
from theradose.dose.local import DECAYS_PER_MBQ_H, tissue_voxels
from theradose.model.arrays import Array, bounding_box
from theradose.radiation.materials import load_material, materials_from_density
from theradose.radiation.patient import Patient
from theradose.radiation.transport.run import Score

_WATER = "water"
_WHOLE_GRID = (slice(None), slice(None), slice(None))
_G_PER_KG = 1e3


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the particles start from and move through.

    Attributes
    ----------
    box : tuple of slice
        Where it lies in the grid of the request.
    patient : Patient
        Densities and materials.
    decays : ndarray, shape (nz, ny, nx)
        Decays in each voxel.
    per_kg : ndarray of float32, shape (nz, ny, nx)
        Inverse mass of each voxel; 0 where it is too light to get a dose.
    """

    box: tuple[slice, slice, slice]
    patient: Patient
    decays: Array
    per_kg: Array

    @property
    def total_decays(self) -> float:
        """Decays in all voxels."""
        return float(self.decays.sum())


def transport_scene(request: DoseRequest) -> Scene:
    """Return the scene of a request without the air around the patient: a photon that leaves it does not return.

    Without a map of materials the density tells the tissue; voxels of exactly 1 g/mL are water, as in a phantom.
    """
    volume_ml = request.tia.grid.voxel_volume_ml
    tissue = tissue_voxels(request.density)
    box = bounding_box(tissue | (request.tia.data > 0)) or _WHOLE_GRID
    density = np.ascontiguousarray(request.density.data[box], np.float32)
    if request.materials is None:
        labels, assigned = materials_from_density(density)
        labels[density == np.float32(load_material(_WATER).density_g_per_ml)] = len(assigned)
        labels, names = _renumbered(labels, dict(enumerate((*assigned, _WATER))))
    else:
        labels, names = _renumbered(request.materials.data[box], request.materials.names)
    per_kg = np.zeros(density.shape, np.float32)
    np.divide(np.float32(_G_PER_KG / volume_ml), density, out=per_kg, where=tissue[box])
    decays = request.tia.data[box].astype(np.float64) * (volume_ml * DECAYS_PER_MBQ_H)
    return Scene(box, Patient(density, labels, names, request.tia.grid.spacing_mm), decays, per_kg)


def region_scores(request: DoseRequest, scene: Scene) -> dict[str, Score]:
    """Return the mean dose of each region as a function of the energies in the voxels of the scene.

    Voxels outside the scene are air without dose. A region that lies outside altogether has no score.
    """
    scores = {}
    for name, voxels in request.regions.items():
        shares = np.zeros(request.tia.grid.shape, np.float32)
        shares[voxels.box] = voxels.fraction
        score = _mean_dose(shares[scene.box], float(shares.sum(dtype=np.float64)), scene)
        if score is not None:
            scores[name] = score
    return scores


def activity_score(scene: Scene) -> Score:
    """Return the mean dose of all voxels with activity."""
    shares = (scene.decays > 0).astype(np.float32)
    score = _mean_dose(shares, float(shares.sum(dtype=np.float64)), scene)
    return score if score is not None else Score(np.zeros(0, np.int64), np.zeros(0))


def _mean_dose(shares: Array, total: float, scene: Scene) -> Score | None:
    weight = (shares * scene.per_kg).reshape(-1)
    voxel = np.flatnonzero(weight)
    if len(voxel) == 0 or total <= 0:
        return None
    return Score(voxel, weight[voxel].astype(np.float64) / total)


def _renumbered(labels: Array, names: Mapping[int, str]) -> tuple[Array, tuple[str, ...]]:
    """Return labels that count the materials that are present from 0, and those materials."""
    present = np.flatnonzero(np.bincount(labels.reshape(-1), minlength=256))
    position = np.zeros(256, np.uint8)
    position[present] = np.arange(len(present), dtype=np.uint8)
    return position[labels], tuple(names[int(label)] for label in present)
