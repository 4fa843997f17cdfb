"""Dose engines for tests: one that blurs, one that samples, and one that is interrupted. They are never shipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from theradose.dose.dvh import RegionDoses
from theradose.dose.engines import DoseRequest, Progress, dose_engines
from theradose.dose.local import local_dose
from theradose.model.dose import DoseMap, DoseStatistics, RadiationEnergy
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.registry import Entry

CALLS: list[str] = []
"""Name of each fake engine that computed, in order."""
RELATIVE_U = 0.01
"""Of each voxel of the engine that samples with `HISTORIES`, and of each of its regions."""
HISTORIES = 10_000


def blurred_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Spread the locally deposited energy over neighbouring voxels; what leaves the grid escapes."""
    CALLS.append("blurred")
    local, _ = local_dose(request)
    energy = gaussian_filter(local.data * request.density.data.astype(np.float64), 1.0, mode="constant")
    dose = (energy / request.density.data).astype(np.float32)
    volume_ml = request.tia.grid.voxel_volume_ml
    emitted = local.energy[0].emitted_j
    # g/mL times Gy is mJ/mL.
    deposited = float(energy.sum()) * volume_ml * 1e-3
    account = (RadiationEnergy("electron", emitted, deposited, emitted - deposited), local.energy[1])
    return DoseMap(dose, request.tia.grid, engine="blurred", parameters={"width": 1.0}, energy=account), ()


def sampled_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Multiply local deposition with noise that falls with the number of histories."""
    CALLS.append("sampled")
    local, _ = local_dose(request)
    histories = request.transport.histories or HISTORIES
    relative_u = RELATIVE_U * (HISTORIES / histories) ** 0.5
    noise = np.random.default_rng(request.transport.seed).normal(1.0, relative_u, local.data.shape)
    if request.progress is not None:
        request.progress(Progress(0.5, histories // 2, 2 * relative_u))
        request.progress(Progress(1.0, histories, relative_u))
    data = (local.data * noise).astype(np.float32)
    known = {name: relative_u for name, voxels in request.regions.items() if RegionDoses(local, voxels).mean_gy > 0}
    statistics = DoseStatistics(histories, request.transport.seed, "histories", known)
    u = Volume((relative_u * local.data).astype(np.float32), local.grid)
    return DoseMap(data, local.grid, engine="sampled", u=u, energy=local.energy, statistics=statistics), ()


def interrupted_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return a part of what was asked for."""
    CALLS.append("halted")
    dose, _ = sampled_dose(request)
    stopped = replace(dose.statistics, stopped_by="interruption")
    finding = Finding("interrupted", "warning", "The engine was interrupted after 10000 histories.")
    return replace(dose, engine="halted", statistics=stopped), (finding,)


ENGINES = {"blurred": blurred_dose, "sampled": sampled_dose, "halted": interrupted_dose}


@contextmanager
def registered_engines() -> Iterator[list[str]]:
    """Register the fake engines and forget them afterwards; yield the list of those that computed."""
    dose_engines.names()
    with pytest.MonkeyPatch.context() as patch:
        for name, engine in ENGINES.items():
            entry = Entry(name, engine, f"Engine '{name}' of the tests", "Theradose")
            patch.setitem(dose_engines._entries, name, entry)
        CALLS.clear()
        yield CALLS
