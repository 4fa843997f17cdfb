"""Time-activity fits of every voxel of several images on one grid.

Each voxel is fitted as :func:`theradose.kinetics.fit.fit_model` fits a curve: weighted least squares, every rate at
least physical decay and at most what the first image could still see, non-negative amplitudes, covariance from the
stated uncertainties. The uncertainty of a point is that of its own measurement, relative and absolute; what all
images share (calibration) is not in it.

References
----------
[Kletting2013]_ Fit and uncertainty of time-integrated activities.
[JCGM100]_ Propagation to the integral.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntFlag
from functools import partial

import numpy as np

from theradose.compiled import thread_count
from theradose.data import load_number
from theradose.errors import FitError, GeometryError
from theradose.kinetics.course import course_of_form
from theradose.kinetics.fit import rate_bounds
from theradose.kinetics.models import RateBounds, curve_models
from theradose.kinetics.settings import default_settings
from theradose.model.activity import ActivityMap
from theradose.model.arrays import Array, frozen
from theradose.model.curve import TimeActivityCurve
from theradose.model.finding import Finding
from theradose.model.grid import Volume
from theradose.nuclides import Nuclide

VOXEL_MODELS = ("mono", "bi", "uptake", "trapezoid")
"""Models that voxels can be fitted with; their functions are those of the same names in ``curve_models``."""

_CHUNK_VOXELS = 1 << 16
_TABLE_RATES = 24
_PAIR_RATES = 14


class VoxelState(IntFlag):
    """What became of a voxel; 0 without activity."""

    FITTED = 1
    AT_DECAY = 2
    """The slowest rate sits on that of physical decay."""
    SATURATED = 4
    """The fastest rate sits on its upper bound."""
    ONE_PHASE = 8
    """Two phases do no better than one, which was taken."""


@dataclass(frozen=True, slots=True, eq=False)
class VoxelFits:
    """Maps of the fits.

    Attributes
    ----------
    model : str
        One of ``VOXEL_MODELS``.
    tia : Volume
        Time-integrated activity concentration from 0 to infinity, MBq·h/mL, float32; 0 without activity.
    u_tia : Volume
        Its standard uncertainty from the points, float32; NaN without activity.
    effective_half_life_h : Volume
        Of the last phase, float32; NaN without activity.
    state : Volume
        Bits of :class:`VoxelState`, uint8.
    g : Volume or None
        Lea-Catcheside factor of the voxel's own curve with the repair rate of its place, float32; NaN without activity
        or repair rate. ``None`` if it was not asked for.
    """

    model: str
    tia: Volume
    u_tia: Volume
    effective_half_life_h: Volume
    state: Volume
    g: Volume | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RepairRates:
    """Which rate of repair holds where.

    Attributes
    ----------
    rates_per_h : ndarray, shape (r,)
        Rates of repair, positive.
    which : ndarray of int16, shape (z, y, x)
        Position of the voxel's rate among them; -1 without one.
    """

    rates_per_h: Array
    which: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates_per_h", frozen(self.rates_per_h, float))
        object.__setattr__(self, "which", frozen(self.which, np.int16))


_NO_REPAIR = RepairRates(np.zeros(0), np.full((0, 0, 0), -1))


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """Arrays that the chunks of all threads fill, each its own slices."""

    tia: Array
    u_tia: Array
    half_life: Array
    state: Array
    g: Array | None

    def flat(self, planes: slice) -> tuple[Array, Array, Array, Array, Array]:
        parts = (self.tia, self.u_tia, self.half_life, self.state)
        tia, u_tia, half_life, state = (part[planes].reshape(-1) for part in parts)
        g = np.empty(len(tia), np.float32) if self.g is None else self.g[planes].reshape(-1)
        return tia, u_tia, half_life, state, g


BlockFit = Callable[[Array, Array, Array, Array, Array, Array, Array, Array], None]
"""Fits a block: values (m, n), voxels to fit (m,), their rates of repair (m,), and five maps (m,) to fill."""


def fit_voxels(
    maps: Sequence[ActivityMap],
    *,
    nuclide: Nuclide,
    relative_u: float | Sequence[float],
    floor: float | Sequence[float] | None = None,
    model: str = "mono",
    mask: Array | None = None,
    repair: RepairRates | None = None,
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
    chunk_voxels: int = _CHUNK_VOXELS,
) -> tuple[VoxelFits, tuple[Finding, ...]]:
    """Fit a model to every voxel and integrate it from 0 to infinity.

    Parameters
    ----------
    maps : sequence of ActivityMap
        Activity concentration at two or more times in order, all on one grid.
    nuclide : Nuclide
        Gives physical decay.
    relative_u : float or sequence of float
        Relative standard uncertainty of a voxel, independent between the images; one for all or one per image.
    floor : float or sequence of float, optional
        Absolute standard uncertainty of a voxel, MBq/mL, added in quadrature; a stated share of the largest value of
        each image by default, which a finding says.
    model : str
        One of ``VOXEL_MODELS``.
    mask : ndarray of bool, shape (z, y, x), optional
        Voxels to fit; the others count as without activity.
    repair : RepairRates, optional
        Asks for the Lea-Catcheside factor of each voxel, which its curve has only while it is fitted.
    progress : callable, optional
        Told the fraction that is done; an exception from it ends the fit.
    threads : int, optional
        Number of threads; one per core by default. The result does not depend on it.
    chunk_voxels : int
        About how many voxels a thread takes at a time; neither does the result depend on it.

    Returns
    -------
    VoxelFits
        A voxel has no activity if no image shows any there, or if the best amplitude is zero.
    findings
        ``voxel-noise-assumed``, ``voxels-at-physical-decay``, ``voxels-saturated``.

    Raises
    ------
    FitError
        ``unknown-voxel-model``, ``one-time-point``, ``too-few-points``, ``curve-times``, ``mixed-nuclides``,
        ``uncertainty-missing``, ``curve-invalid``, ``no-activity``.
    GeometryError
        ``grid-mismatch``.

    References
    ----------
    [Kletting2013]_, [JCGM100]_
    """
    t_h = _check_maps(maps, nuclide=nuclide, model=model)
    grid = maps[0].grid
    for name, array in (("mask", mask), ("map of repair rates", None if repair is None else repair.which)):
        if array is not None and array.shape != grid.shape:
            raise GeometryError(f"The {name} has the shape {array.shape}, the images have {grid.shape}.",
                                code="grid-mismatch")  # fmt: skip
    absolute_u, findings = _noise_floor(_largest_values(maps), floor)
    relative = _per_map(relative_u, len(maps))
    if not (np.isfinite(relative).all() and (relative >= 0).all() and (absolute_u > 0).all()):
        raise FitError(
            "The fit of voxels needs relative uncertainties of zero or more and a positive noise floor: state them.",
            code="uncertainty-missing",
        )
    rates = (repair or _NO_REPAIR).rates_per_h
    decay = nuclide.decay_constant_per_h
    fit_block = _block_fit(model, t_h, relative, absolute_u, repair_per_h=rates, decay_constant_per_h=decay)
    tia, u_tia, half_life = (np.empty(grid.shape, np.float32) for _ in range(3))
    g = None if repair is None else np.empty(grid.shape, np.float32)
    filled = _Maps(tia, u_tia, half_life, np.empty(grid.shape, np.uint8), g)
    task = partial(_fit_planes, fit_block, maps, mask, None if repair is None else repair.which, filled)
    _run(task, _slabs(grid.shape, chunk_voxels), threads=threads or thread_count(), progress=progress)
    fits = VoxelFits(
        model, Volume(tia, grid), Volume(u_tia, grid), Volume(half_life, grid), Volume(filled.state, grid),
        None if g is None else Volume(g, grid),
    )  # fmt: skip
    return fits, (*findings, *_bound_findings(filled, nuclide))


def _check_maps(maps: Sequence[ActivityMap], *, nuclide: Nuclide, model: str) -> Array:
    """Return the times of the maps, or refuse maps that cannot be fitted together."""
    if model not in VOXEL_MODELS:
        raise FitError(
            f"'{model}' is not a model for voxels: valid names are {', '.join(VOXEL_MODELS)}.",
            code="unknown-voxel-model",
        )
    if len(maps) < 2:
        raise FitError(
            "The fit of voxels needs images of two or more times: use the time course of regions instead.",
            code="one-time-point",
        )
    t_h = np.array([item.t_h for item in maps])
    if not (np.isfinite(t_h).all() and t_h[0] >= 0 and (np.diff(t_h) > 0).all()):
        raise FitError(
            f"The images are at {', '.join(f'{t:.4g}' for t in t_h)} h: give them in the order of their times, the "
            "first not before the administration and no two of the same time.",
            code="curve-times",
        )
    if any(not maps[0].grid.matches(item.grid) for item in maps[1:]):
        raise GeometryError("The images are on different grids: resample them to one grid first.", code="grid-mismatch")
    others = {item.nuclide for item in maps} - {"", nuclide.name}
    if others:
        raise FitError(
            f"The images are of {', '.join(sorted(others))} and the fit is for {nuclide.name}: give images of one "
            "nuclide.",
            code="mixed-nuclides",
        )
    n_parameters = 0
    if model != "trapezoid":
        form = curve_models.get(model).bind(t_h=t_h, decay_constant_per_h=nuclide.decay_constant_per_h)
        n_parameters = len(form.parameters)
    if n_parameters > len(maps):
        raise FitError(
            f"The model '{model}' has {n_parameters} parameters but there are only {len(maps)} images: choose a "
            f"model with at most {len(maps)} parameters.",
            code="too-few-points",
        )
    return t_h


def _largest_values(maps: Sequence[ActivityMap]) -> Array:
    """Return the largest value of each map, or refuse values that are not finite."""
    ranges = np.array([(item.data.min(), item.data.max()) for item in maps], float)
    if not np.isfinite(ranges).all():
        raise FitError(
            "An image has values that are not finite numbers: correct it, or set what was not measured to zero.",
            code="curve-invalid",
        )
    if not (ranges[:, 1] > 0).any():
        raise FitError("No image has a voxel with positive activity: check images and units.", code="no-activity")
    return np.asarray(ranges[:, 1])


def _noise_floor(largest: Array, floor: float | Sequence[float] | None) -> tuple[Array, tuple[Finding, ...]]:
    if floor is not None:
        return _per_map(floor, len(largest)), ()
    share = load_number("kinetics/voxelwise.yaml", "floor_fraction_of_maximum")
    # An image without activity is as noisy as the others are.
    assumed = share * np.where(largest > 0, largest, largest.max())
    message = (
        f"The noise of a voxel is not stated; it is assumed to be {share:.0%} of the largest value of each image "
        f"({', '.join(f'{value:.3g}' for value in assumed)} MBq/mL)."
    )
    return assumed, (Finding("voxel-noise-assumed", "info", message),)


def _per_map(value: float | Sequence[float], count: int) -> Array:
    values = np.atleast_1d(np.asarray(value, float))
    if values.shape not in ((1,), (count,)):
        raise FitError(
            f"There are {len(values)} uncertainties for {count} images: give one for all or one for each.",
            code="uncertainty-missing",
        )
    return np.ascontiguousarray(np.broadcast_to(values, (count,)))


def _block_fit(
    model: str,
    t_h: Array,
    relative_u: Array,
    floor: Array,
    *,
    repair_per_h: Array,
    decay_constant_per_h: float,
) -> BlockFit:
    """Return the compiled fit with everything that is the same for all voxels."""
    # These modules load numba.
    from theradose.kinetics.voxelwise_kernels import mono_voxels, trapezoid_voxels

    if model == "trapezoid":
        form = curve_models.get(model).bind(t_h=t_h, decay_constant_per_h=decay_constant_per_h)
        hours = form.integral(0.0, math.inf, np.zeros(0))
        course = course_of_form(form, np.zeros(0))
        overlaps = np.zeros((len(repair_per_h), len(t_h), len(t_h)))
        for index, rate in enumerate(repair_per_h):
            overlaps[index] = course.overlap(rate_per_h=float(rate))
        return partial(trapezoid_voxels, relative_u, floor, hours, math.log(2) / decay_constant_per_h, overlaps)
    times = TimeActivityCurve("voxel", t_h, np.ones_like(t_h), np.ones_like(t_h), {}, "maps")
    n_rates = 1 if model == "mono" else 2
    bounds = rate_bounds(times, decay_constant_per_h=decay_constant_per_h, settings=default_settings(), n_rates=n_rates)
    common = (t_h, relative_u, floor, repair_per_h)
    rates = _table_rates(bounds, _TABLE_RATES)
    if model == "mono":
        table = np.exp(-np.outer(t_h, rates))
        return partial(mono_voxels, *common, rates, table, table**2)
    from theradose.kinetics.voxelwise_two_rates import bi_voxels, uptake_voxels

    limits = np.array([bounds.slowest_per_h, math.log(bounds.fastest_per_h / bounds.slowest_per_h),
                       math.log(bounds.minimum_ratio)])  # fmt: skip
    rates = _table_rates(bounds, _PAIR_RATES)
    table = np.exp(-np.outer(t_h, rates))
    pairs = np.array(list(itertools.combinations(range(len(rates)), 2))).T.copy()
    slower, faster = table[:, pairs[0]], table[:, pairs[1]]
    places = _places(np.log(rates[pairs] / bounds.slowest_per_h), limits)
    if model == "bi":
        return partial(bi_voxels, *common, rates, table, table**2, pairs, places, slower * faster, limits)
    return partial(uptake_voxels, *common, places, slower - faster, (slower - faster) ** 2, limits)


def _table_rates(bounds: RateBounds, count: int) -> Array:
    rates = np.geomspace(bounds.slowest_per_h, bounds.fastest_per_h, count)
    rates[0], rates[-1] = bounds.slowest_per_h, bounds.fastest_per_h
    return rates


def _places(logarithms: Array, limits: Array) -> Array:
    """Return the places in the unit square of pairs of rates, given as logarithms over the slowest, shape (2, p)."""
    _, extent, gap = limits
    first, second = logarithms
    places = np.array([first / (extent - gap), (second - first - gap) / (extent - first - gap)])
    return np.asarray(np.clip(places, 0.01, 0.99))


def _slabs(shape: tuple[int, int, int], chunk_voxels: int) -> list[slice]:
    planes = max(1, chunk_voxels // (shape[1] * shape[2]))
    return [slice(first, min(first + planes, shape[0])) for first in range(0, shape[0], planes)]


def _fit_planes(
    fit_block: BlockFit,
    maps: Sequence[ActivityMap],
    mask: Array | None,
    which: Array | None,
    filled: _Maps,
    planes: slice,
) -> None:
    values = np.stack([item.data[planes].reshape(-1) for item in maps], axis=1).astype(np.float64, order="C")
    inside = np.ones(len(values), bool) if mask is None else np.array(mask[planes], bool).reshape(-1)
    rate = np.full(len(values), -1, np.int16) if which is None else which[planes].reshape(-1)
    fit_block(values, inside, rate, *filled.flat(planes))


def _run(
    task: Callable[[slice], None], slabs: Sequence[slice], *, threads: int, progress: Callable[[float], None] | None
) -> None:
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        for done, _ in enumerate(pool.map(task, slabs), start=1):
            if progress is not None:
                progress(done / len(slabs))
    finally:
        # After an interruption the chunks that wait are dropped; the maps were never handed out.
        pool.shutdown(cancel_futures=True)


def _bound_findings(filled: _Maps, nuclide: Nuclide) -> list[Finding]:
    """Say how much of the integral lies in voxels that a bound holds."""
    total = float(filled.tia.sum(dtype=np.float64))
    half_life_h = math.log(2) / nuclide.decay_constant_per_h
    explained = {
        VoxelState.AT_DECAY: (
            "voxels-at-physical-decay",
            f"whose activity falls no faster than physical decay and was held at its half-life of {half_life_h:.4g} h: "
            "noise, registration or the decay state can be the reason",
        ),
        VoxelState.SATURATED: (
            "voxels-saturated",
            "whose fastest phase is faster than the first image can show",
        ),
    }
    findings = []
    for bit, (code, reason) in explained.items():
        held = (filled.state & int(bit)) > 0
        share = float(filled.tia.sum(where=held, dtype=np.float64)) / total if total > 0 else 0.0
        if share > 0:
            findings.append(Finding(code, "info", f"{share:.1%} of the integral lies in voxels {reason}."))
    return findings
