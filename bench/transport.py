"""How fast radiation is transported: Monte Carlo per core, on two and on a card, kernels, and what a patient takes.

Rates count decays per processor second of one thread, electrons and photons together, after compilation. Beside them
stand rates of EGSnrc on one core of a 2.5 GHz Xeon; this machine is another one, so that the ratio says only roughly
how the codes compare. Convolution is compared with `scipy.signal.fftconvolve` and with
direct summation in the same process. The efficiency of an engine is 1 / (σ² T) with the variance of a region's mean
dose and the processor time.

Usage: python bench/transport.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from page import table, write_section
from scipy.signal import fftconvolve

import theradose.dose  # noqa: F401
from theradose.dose.convolution import convolve_even
from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.model.dose import DoseMap
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.region import RegionVoxels
from theradose.nuclides import load_nuclide
from theradose.radiation.nuclide_kernels import nuclide_kernel
from theradose.radiation.voxel_kernels import voxel_kernel

NUCLIDES = ("Lu-177", "Y-90", "I-131")
# Decays per second and core: required, and EGSnrc (class II, cut 10 keV) on one core of a 2.5 GHz Xeon.
REQUIRED = {"Lu-177": 225e3, "Y-90": 100e3, "I-131": 105e3}
EGSNRC = {"Lu-177": 75e3, "Y-90": 22.5e3, "I-131": 26e3}
DECAYS = {"Lu-177": 6_000_000, "Y-90": 2_000_000, "I-131": 3_000_000}
PATIENT_MM = 512.0
SEED = 1


def water_voxel(nuclide: str, *, decays: int, threads: int) -> DoseRequest:
    """Activity in the middle voxel of a cube of 11 voxels of 4.8 mm."""
    grid = Grid.axis_aligned((11, 11, 11), (4.8, 4.8, 4.8))
    tia = np.zeros(grid.shape, np.float32)
    tia[5, 5, 5] = 1.0
    return DoseRequest(
        Volume(tia, grid),
        DensityMap(np.ones(grid.shape, np.float32), grid, "water"),
        load_nuclide(nuclide),
        transport=transport_settings(histories=decays, seed=SEED, threads=threads),
    )


def patient(nuclide: str, *, voxels: int = 128, **effort: Any) -> DoseRequest:
    """A trunk with lungs, spine, liver, spleen, kidneys and a lesion; activity everywhere."""
    side = PATIENT_MM / voxels
    axis = (np.arange(voxels) - voxels / 2 + 0.5) * side
    z, y, x = axis[:, None, None], axis[None, :, None], axis[None, None, :]

    def ellipsoid(centre: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
        return sum(((p - c) / r) ** 2 for p, c, r in zip((z, y, x), centre, radii, strict=True)) <= 1

    body = np.broadcast_to((y / 110) ** 2 + (x / 170) ** 2 <= 1, (voxels,) * 3)
    lungs = ellipsoid((150, 0, -80), (110, 70, 60)) | ellipsoid((150, 0, 80), (110, 70, 60))
    spine = np.broadcast_to(((y - 70) / 20) ** 2 + (x / 18) ** 2 <= 1, body.shape)
    organs = {
        "liver": (ellipsoid((0, -10, 80), (70, 70, 75)), 3.0),
        "spleen": (ellipsoid((0, 40, -110), (50, 25, 35)), 8.0),
        "left kidney": (ellipsoid((-60, 45, -65), (50, 25, 28)), 12.0),
        "right kidney": (ellipsoid((-60, 45, 65), (50, 25, 28)), 12.0),
        "lesion": (ellipsoid((20, -30, 110), (17, 17, 17)), 40.0),
    }
    density = np.where(body, np.float32(1.03), np.float32(0.0012))
    density[body & lungs] = 0.26
    density[spine] = 1.4
    tia = np.where(body, np.float32(0.2), np.float32(0.0))
    for mask, concentration in organs.values():
        density[mask], tia[mask] = 1.05, concentration
    grid = Grid.axis_aligned(body.shape, (side,) * 3)
    return DoseRequest(
        Volume(tia, grid),
        DensityMap(density, grid, "phantom"),
        load_nuclide(nuclide),
        regions={name: RegionVoxels.from_mask(mask) for name, (mask, _) in organs.items()},
        transport=transport_settings(seed=SEED, **effort),
    )


def timed(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return a result, its wall time and its processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - wall, time.process_time() - processor


def dose(engine: str, request: DoseRequest) -> DoseMap:
    return dose_engines.get(engine)(request)[0]


def rate_lines() -> list[str]:
    rows = []
    for nuclide in NUCLIDES:
        for request in (water_voxel, patient):
            dose("montecarlo", request(nuclide, **effort_of(request, 2000, 1)))
            # Enough that what does not grow with the decays is small.
            decays = DECAYS[nuclide]
            _, _, one = timed(lambda: dose("montecarlo", request(nuclide, **effort_of(request, decays, 1))))  # noqa: B023
            _, two, _ = timed(lambda: dose("montecarlo", request(nuclide, **effort_of(request, decays, 2))))  # noqa: B023
            _, single, _ = timed(lambda: dose("montecarlo", request(nuclide, **effort_of(request, decays, 1))))  # noqa: B023
            water = request is water_voxel
            rows.append([
                nuclide, "voxel of 4.8 mm in water" if water else "patient of 128³", f"{decays / one / 1e3:.0f} k",
                f"{REQUIRED[nuclide] / 1e3:.0f} k" if water else "–",
                f"{decays / one / EGSNRC[nuclide]:.1f}" if water else "–", f"{single / two:.2f}",
            ])  # fmt: skip
    headers = [
        "nuclide",
        "where",
        "decays per second and core",
        "required",
        "over EGSnrc's yardstick",
        "2 cores over 1",
    ]
    return table(headers, rows)


def effort_of(request: Callable[..., DoseRequest], decays: int, threads: int) -> dict[str, int]:
    return {"decays" if request is water_voxel else "histories": decays, "threads": threads}


def patient_lines() -> list[str]:
    rows = []
    for engine in ("local", "kernel", "kernel-density-scaled", "hybrid", "montecarlo"):
        request = patient("Lu-177")
        dose(engine, request)
        result, wall, processor = timed(lambda: dose(engine, request))  # noqa: B023
        u = result.statistics.region_relative_u if result.statistics is not None else {}
        decays = f"{result.statistics.histories / 1e6:.1f} M" if result.statistics is not None else "–"
        rows.append([f"`{engine}`", f"{wall:.2f}", f"{processor:.2f}", decays,
                     f"{max(u.values()):.2%}" if u else "–"])  # fmt: skip
    return table(["engine", "wall s", "processor s", "decays", "largest u of a region"], rows)


def efficiency_lines() -> list[str]:
    figures = {}
    for engine in ("montecarlo", "hybrid"):
        request = patient("Lu-177", histories=1_000_000)
        result, _, processor = timed(lambda: dose(engine, request))  # noqa: B023
        figures[engine] = {name: 1 / (u**2 * processor) for name, u in result.statistics.region_relative_u.items()}
    ratios = {name: figures["hybrid"][name] / figures["montecarlo"][name] for name in figures["hybrid"]}
    listed = ", ".join(f"{name} {ratio:.1f}" for name, ratio in ratios.items())
    return [f"Efficiency 1/(σ²T) of `hybrid` over `montecarlo`, 177Lu patient of 128³, 10⁶ decays: {listed}."]


def convolution_lines() -> list[str]:
    shape = (64, 64, 64)
    kernel = voxel_kernel(
        kernel=nuclide_kernel("Lu-177"), spacing_mm=(4.0, 4.0, 4.0), octant_shape=shape, density_g_per_ml=1.03
    )
    full = kernel.photon_kev
    for axis in range(3):
        full = np.concatenate([np.flip(np.delete(full, 0, axis), axis), full], axis)
    source = np.random.default_rng(SEED).random(shape)
    ours, wall, _ = timed(lambda: convolve_even(source=source, octants=[kernel.photon_kev])[0])
    theirs, scipy_wall, _ = timed(lambda: fftconvolve(source, full, mode="full"))
    middle = tuple(slice(n - 1, 2 * n - 1) for n in shape)
    deviation = np.abs(ours - theirs[middle]).max() / ours.max()
    place = (20, 30, 40)
    windows = tuple(slice(n - 1 - p, 2 * n - 1 - p) for n, p in zip(shape, place, strict=True))
    summed, one, _ = timed(lambda: float((full[windows] * source).sum()))
    return [
        f"Convolution of 64³ voxels with a kernel of 127³: {wall:.2f} s, `scipy.signal.fftconvolve` {scipy_wall:.2f} s "
        f"({scipy_wall / wall:.1f} times as long), largest difference {deviation:.0e} of the maximum; direct summation "
        f"takes {one * 64**3:.0f} s ({one * 64**3 / wall:.0f} times as long) and differs by "
        f"{abs(summed / ours[place] - 1):.0e}."
    ]


def memory_line() -> str:
    code = (
        "import sys; sys.path.insert(0, 'bench'); import transport as t, resource; "
        "t.dose('montecarlo', t.patient('Lu-177', voxels=256, histories=200000)); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peak = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    return f"Peak memory of the whole process with a patient of 256³ voxels: {peak / 2**20:.2f} GiB (allowed: 4)."


def command_line() -> str:
    seconds = {}
    for command in (["kernel", "--voxel-mm", "4.8", "4.8", "4.8", "--size", "11"], ["sphere", "--mass-g", "1"]):
        line = [sys.executable, "-m", "theradose", *command, "--nuclide", "Lu-177", "--json"]
        _, seconds[command[0]], _ = timed(lambda: subprocess.run(line, check=True, capture_output=True))  # noqa: B023
    listed = ", ".join(f"`theradose {name}` {value:.1f} s" for name, value in seconds.items())
    return f"From a cold start: {listed} (allowed: 10)."


def card_line() -> str:
    try:
        from numba import cuda

        if not cuda.is_available():
            return "No graphics card on this machine."
    except ImportError:
        return "No graphics card on this machine."
    from theradose.radiation.emission import emission_spectra
    from theradose.radiation.patient import Effort, Patient
    from theradose.radiation.patient_transport import PatientTransport

    cube = Patient(np.ones((11,) * 3, np.float32), np.zeros((11,) * 3, np.uint8), ("water",), (4.8,) * 3)
    activity = np.zeros((11,) * 3)
    activity[5, 5, 5] = 1.0
    rates = []
    for decays in (10_000, 200_000_000):
        effort = Effort(decays=decays, seed=SEED, device="graphics-card")
        transport = PatientTransport(cube, activity, emission_spectra("Lu-177"), effort=effort)
        _, wall, _ = timed(lambda: transport.follow(("electron", "photon")))  # noqa: B023
        rates.append(decays / wall)
    return f"On {cuda.get_current_device().name.decode()}: {rates[-1]:.2g} decays of 177Lu per second (floor 5e7)."


if __name__ == "__main__":
    lines = [
        *rate_lines(), "", "A patient of 128³ voxels with 177Lu, every region above 20 mL that holds 0.5 % of the "
        "activity to 0.5 %, and its voxels to 5 %, on all cores:", "", *patient_lines(), "", *efficiency_lines(), "",
        *convolution_lines(), "", memory_line(), "", command_line(), "", card_line(),
    ]  # fmt: skip
    write_section("Transport of radiation", lines)
    print("\n".join(lines))
