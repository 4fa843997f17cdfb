"""Small problems for the transport: a cube of voxels with a source in the middle."""

from __future__ import annotations

import math

import numpy as np

from theradose.radiation.media import packaged_cuts, transport_media
from theradose.radiation.patient import Patient
from theradose.radiation.patient_transport import patient_voxels
from theradose.radiation.transport.problem import Problem
from theradose.radiation.transport.types import Source


def line_source(shape, energy_kev, *, voxels=None):
    """Particles of one energy, from the middle voxel or evenly from some voxels (flat indices)."""
    if voxels is None:
        middle = tuple(n // 2 for n in shape)
        voxels = [np.ravel_multi_index(middle, shape)]
    energy = np.array([float(energy_kev)])
    shares = np.cumsum(np.ones(len(voxels))) / len(voxels)
    return Source(np.array(voxels, np.int64), shares, energy, energy, np.ones(1), np.zeros(4, np.int64))


def cube_patient(n, side_mm, *, density=1.0, material="water"):
    return Patient(np.full((n, n, n), density, np.float32), np.zeros((n, n, n), np.uint8), (material,), (side_mm,) * 3)


def cube_problem(kind, energy_kev, *, n=5, side_mm=2.0, per_batch=1000, seed=1, cuts=None, patient=None):
    patient = patient or cube_patient(n, side_mm)
    media = transport_media(patient.material_names, cuts or packaged_cuts())
    shape = patient.density_g_per_ml.shape
    return Problem(kind, line_source(shape, energy_kev), patient_voxels(patient, media), media, seed, per_batch)


def state_of(number=1):
    """Random state of a history, as the transport takes it."""
    from theradose.radiation.transport.random import start_history

    state = np.zeros(1, np.uint64)
    start_history(state, 7, number)
    return state


def within(values, expected, *, sigmas=4.0):
    """Whether the mean of independent values agrees with what is expected, by their own spread."""
    values = np.asarray(values)
    return abs(values.mean() - expected) <= sigmas * values.std(ddof=1) / math.sqrt(len(values))
