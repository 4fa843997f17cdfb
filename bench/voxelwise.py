"""How fast single voxels are fitted, how far the fits agree with scipy, and how much memory a large job takes.

Voxels follow one phase, two phases, or uptake, with 10 % noise, seen at four times (six for two phases and uptake as
well). The rate is per processor second of all threads. Beside it `scipy.optimize.curve_fit` fits voxels of the same
data one by one in the same process. Agreement is that with `scipy.optimize.least_squares` from the true parameters, at
voxels that no bound holds.

Usage: python bench/voxelwise.py [voxels]
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, OptimizeWarning, curve_fit, least_squares

from theradose.kinetics.fit import fit_model
from theradose.kinetics.voxelwise import VoxelFits, VoxelState, fit_voxels
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve
from theradose.model.grid import Grid
from theradose.nuclides import load_nuclide

NUCLIDE = load_nuclide("Lu-177")
FOUR_TIMES_H = (4.0, 24.0, 96.0, 168.0)
SIX_TIMES_H = (1.0, 4.0, 24.0, 72.0, 120.0, 168.0)
RELATIVE_U, FLOOR, NOISE = 0.05, 0.01, 0.10
COMPARED = 400
CASES = (("mono", FOUR_TIMES_H), ("bi", FOUR_TIMES_H), ("bi", SIX_TIMES_H), ("uptake", FOUR_TIMES_H),
         ("uptake", SIX_TIMES_H), ("trapezoid", FOUR_TIMES_H))  # fmt: skip
# Required per processor second.
WANTED = {("mono", 4): 1.5e6, ("bi", 4): 1e5}


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of one model and number of images."""

    model: str
    n_times: int
    per_second: float
    scipy_per_second: float
    agreeing: float
    compared: int


def curve(model: str) -> Callable[..., np.ndarray]:
    """Return the function of time and parameters (amplitudes, then rates per 100 h)."""
    functions = {
        "mono": lambda t, a, k: a * np.exp(-k * t / 100),
        "uptake": lambda t, a, k, m: a * (np.exp(-k * t / 100) - np.exp(-m * t / 100)),
        "bi": lambda t, a, b, k, m: a * np.exp(-k * t / 100) + b * np.exp(-m * t / 100),
    }
    return functions.get(model, functions["mono"])


def true_parameters(model: str, voxels: int, generator: np.random.Generator) -> np.ndarray:
    """Return parameters of each voxel, shape (voxels, K)."""
    slow = 100 * math.log(2) / generator.uniform(30, 90, voxels)
    fast = 100 * math.log(2) / generator.uniform(3, 12, voxels)
    amplitude = generator.uniform(0.5, 2, voxels)
    columns = {"uptake": (amplitude, slow, fast), "bi": (amplitude, generator.uniform(0.5, 2, voxels), slow, fast)}
    return np.stack(columns.get(model, (amplitude, slow)), axis=1)


def integral(model: str, parameters: np.ndarray) -> float:
    """Return the integral from 0 to infinity."""
    if model == "mono":
        return float(100 * parameters[0] / parameters[1])
    if model == "uptake":
        return float(100 * parameters[0] * (1 / parameters[1] - 1 / parameters[2]))
    return float(100 * (parameters[0] / parameters[2] + parameters[1] / parameters[3]))


def simulate(model: str, times_h: tuple[float, ...], voxels: int) -> tuple[list[ActivityMap], np.ndarray]:
    """Return activity maps and the true parameters."""
    generator = np.random.default_rng(7)
    truth = true_parameters(model, voxels, generator)
    planes = max(voxels // 4096, 1)
    grid = Grid.axis_aligned((planes, 64, 64), (4.0, 4.0, 4.0))
    truth = truth[: planes * 4096]
    function = curve(model)
    maps = []
    for t_h in times_h:
        values = function(t_h, *truth.T) * (1 + NOISE * generator.standard_normal(len(truth)))
        maps.append(ActivityMap(values.reshape(grid.shape), grid, t_h=t_h, nuclide=NUCLIDE.name))
    return maps, truth


def fit(maps: list[ActivityMap], model: str) -> VoxelFits:
    """Fit all voxels."""
    return fit_voxels(maps, nuclide=NUCLIDE, relative_u=RELATIVE_U, floor=FLOOR, model=model)[0]


def measure(model: str, times_h: tuple[float, ...], *, voxels: int) -> Measured:
    """Time one model and compare it with scipy."""
    maps, truth = simulate(model, times_h, voxels)
    fit([ActivityMap(item.data[:1], Grid.axis_aligned((1, 64, 64), (4.0, 4.0, 4.0)), t_h=item.t_h) for item in maps],
        model)  # fmt: skip
    best = math.inf
    for _ in range(3):
        started = time.process_time()
        fits = fit(maps, model)
        best = min(best, time.process_time() - started)
    if model == "trapezoid":
        return Measured(model, len(times_h), len(truth) / best, math.nan, math.nan, 0)
    points = np.stack([item.data.ravel() for item in maps], axis=1)[:COMPARED]
    return Measured(model, len(times_h), len(truth) / best, *_compare(model, np.array(times_h), points, truth, fits))


def _compare(
    model: str, t_h: np.ndarray, points: np.ndarray, truth: np.ndarray, fits: VoxelFits
) -> tuple[float, float, int]:
    """Return voxels per second of curve_fit, the share of solutions within 1e-5, and how many were compared."""
    function = curve(model)
    started = time.process_time()
    for values, start in zip(points, truth, strict=False):
        try:
            curve_fit(function, t_h, values, p0=start, sigma=np.hypot(RELATIVE_U * values, FLOOR))
        except RuntimeError:
            continue
    per_second = len(points) / (time.process_time() - started)
    state, found = fits.state.data.ravel(), fits.tia.data.ravel()
    agreeing = compared = 0
    for index in np.flatnonzero(state[: len(points)] == VoxelState.FITTED):
        values = points[index]
        sigma = np.hypot(RELATIVE_U * values, FLOOR)
        trials = [_least_squares(function, t_h, values, sigma, start) for start in _starts(model, t_h, values, sigma,
                  truth[index])]  # fmt: skip
        best = min(trials, key=lambda trial: trial.cost)
        # A search that left the positive amplitudes and ordered rates found another problem's minimum.
        if (best.x <= 0).any() or (model == "bi" and best.x[2] >= best.x[3]):
            continue
        compared += 1
        agreeing += abs(found[index] / integral(model, best.x) - 1) <= 1e-5
    return per_second, agreeing / max(compared, 1), compared


def _starts(model: str, t_h: np.ndarray, values: np.ndarray, sigma: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
    """Return where scipy starts: at the truth, and for two phases, which have several minima, at the fit of a curve."""
    if model != "bi":
        return [truth]
    points = TimeActivityCurve("voxel", t_h, values, sigma, {}, "maps")
    known = fit_model(points, "bi", decay_constant_per_h=NUCLIDE.decay_constant_per_h).parameters
    return [truth, np.array(list(known.values())) * [1, 1, 100, 100]]


def _least_squares(
    function: Callable[..., np.ndarray], t_h: np.ndarray, values: np.ndarray, sigma: np.ndarray, start: np.ndarray
) -> OptimizeResult:
    return least_squares(
        lambda p: (function(t_h, *p) - values) / sigma,
        start, method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=4000,
    )  # fmt: skip


MEMORY_JOB = """
import json, resource, sys, time
import numpy as np
from theradose.kinetics.fit import fit_model
from theradose.kinetics.voxelwise import fit_voxels
from theradose.model.activity import ActivityMap
from theradose.model.curve import TimeActivityCurve
from theradose.model.grid import Grid
from theradose.nuclides import load_nuclide
side = int(sys.argv[1])
grid = Grid.axis_aligned((side,) * 3, (4.0,) * 3)
rng = np.random.default_rng(1)
amplitude = rng.random(grid.shape, np.float32)
maps = []
for t_h in (4.0, 24.0, 96.0, 168.0):
    noise = 1 + np.float32(0.1) * rng.random(grid.shape, np.float32)
    maps.append(ActivityMap(amplitude * np.float32(0.5 ** (t_h / 60)) * noise, grid, t_h=t_h, nuclide="Lu-177"))
del amplitude, noise
started = time.process_time()
fits, _ = fit_voxels(maps, nuclide=load_nuclide("Lu-177"), relative_u=0.05, floor=0.01, model="mono")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"peak_bytes": peak, "processor_s": time.process_time() - started, "voxels": side**3}))
"""


def peak_memory(side: int) -> dict[str, float]:
    """Run a job of side³ voxels at four times in a process of its own."""
    done = subprocess.run([sys.executable, "-c", MEMORY_JOB, str(side)], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    # Only the script writes a page; tests load this module for its functions.
    from page import table, write_section

    warnings.simplefilter("ignore", OptimizeWarning)
    np.seterr(over="ignore")
    voxels = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 20
    rows = []
    for model, times_h in CASES:
        found = measure(model, times_h, voxels=voxels if model in ("mono", "trapezoid") else voxels // 8)
        wanted = WANTED.get((model, len(times_h)))
        rows.append(
            [
                f"`{model}`", str(len(times_h)), f"{found.per_second:.3g}",
                "–" if wanted is None else f"{wanted:.2g}",
                "–" if math.isnan(found.scipy_per_second) else f"{found.scipy_per_second:.3g}",
                "–" if math.isnan(found.scipy_per_second) else f"{found.per_second / found.scipy_per_second:.0f}",
                "–" if not found.compared else f"{found.agreeing:.2%} of {found.compared}",
            ]
        )  # fmt: skip
        print(" ".join(f"{cell:>12}" for cell in rows[-1]), flush=True)
    memory = peak_memory(256)
    text = (
        "256³ voxels at four times, one phase: peak memory of the whole process with its maps "
        f"{memory['peak_bytes'] / 2**30:.2f} GiB (allowed: 4), {memory['processor_s']:.0f} s of processor time."
    )
    print(text)
    headers = ["model", "images", "voxels per processor second", "required", "curve_fit", "ratio",
               "interior solutions within 1e-5 of least_squares"]  # fmt: skip
    write_section("Fits of single voxels", [*table(headers, rows), "", text])


if __name__ == "__main__":
    main()
