"""Many digital patients, to test whether stated uncertainties hold the truth.

Every patient has a camera of its own: a calibration factor that is off by its uncertainty, and a recovery curve fitted
to a phantom measured with noise. Each organ or lesion is an ellipsoid that is outlined with an error, imaged at every
time point with blur, counting noise and the scatter of one measurement, and taken through the functions that real
images go through: curve, integral, dose.

Surroundings are cold, images are aligned and the density is known. What these add in a patient (spill-in, motion,
attenuation and scatter correction) is not in the budget and not here.

References
----------
[Gear2018]_ The sources of uncertainty and what they act on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.dose.local import charged_dose_constant, region_dose
from theradose.kinetics.integrate import integrate_curve
from theradose.model.activity import ActivityMap
from theradose.model.arrays import Array
from theradose.model.curve import TimeIntegratedActivity
from theradose.model.grid import Grid
from theradose.model.recovery import RecoveryPoints
from theradose.model.region import OutlinedOn, Region, RegionKind, RegionVoxels, Segmentation
from theradose.nuclides import Nuclide, load_nuclide
from theradose.quantify.recovery import RecoveryCurve, fit_recovery
from theradose.quantify.regions import outline_relative_u, region_curve
from theradose.quantify.volume import FWHM_PER_SIGMA, equivalent_diameter_mm
from theradose.simulate.camera import BLUR_PER_VOXEL, FINE_PER_VOXEL, Camera, load_camera
from theradose.simulate.patient import KineticCurve
from theradose.simulate.sampling import draw, draw_factor
from theradose.simulate.solids import Solid, ellipsoid, paint
from theradose.simulate.spect import block_sum
from theradose.uncertainty import Uncertain

COHORT = "simulation/cohort.yaml"
_STREAM = 5
_MARGIN_VOXELS = 4
_CALIBRATION = "camera"
_BLUR_REACH_SIGMA = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedDose:
    """A region of a digital patient: what is true, and what was found.

    Attributes
    ----------
    patient : int
        Number of the patient.
    region : str
        Name of the kind of region.
    volume_ml, tia_mbq_h, dose_gy : float
        The truth.
    tia : TimeIntegratedActivity
        Found, with the curve behind it.
    dose : Uncertain
        Found, with its sources.
    """

    patient: int
    region: str
    volume_ml: float
    tia_mbq_h: float
    dose_gy: float
    tia: TimeIntegratedActivity
    dose: Uncertain

    @property
    def holds(self) -> bool:
        """Whether the stated 95 % interval (k = 1.96) holds the true dose."""
        return abs(self.dose.value - self.dose_gy) <= 1.96 * self.dose.u


@dataclass(frozen=True, slots=True, eq=False)
class PatientCamera:
    """The camera that one patient meets.

    Attributes
    ----------
    activity_factor : float
        Measured over true activity of a large object.
    recovery : RecoveryCurve
        Fitted to the phantom.
    """

    activity_factor: float
    recovery: RecoveryCurve


@dataclass(frozen=True, slots=True, eq=False)
class TrueObject:
    """An organ or lesion as it is.

    Attributes
    ----------
    solid : Solid
        Its shape.
    curve : KineticCurve
        Its activity.
    """

    solid: Solid
    curve: KineticCurve


def simulate_cohort(
    *,
    patients: int,
    seed: int,
    regions: Collection[str] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Iterator[SimulatedDose]:
    """Yield the regions of many patients, one patient after the other.

    Parameters
    ----------
    patients : int
        How many.
    seed : int
        The same seed gives the same patients, whatever regions are asked for.
    regions : collection of str, optional
        Names of the kinds of region; all by default.
    spec : mapping, optional
        Content of ``data/simulation/cohort.yaml`` by default.

    References
    ----------
    [Gear2018]_
    """
    spec = load_yaml(COHORT) if spec is None else spec
    camera, nuclide = load_camera(), load_nuclide(spec["nuclide"])
    wanted = [
        (number, item) for number, item in enumerate(spec["regions"]) if regions is None or item["name"] in regions
    ]
    for patient in range(patients):
        own = draw_camera(spec, np.random.default_rng([seed, _STREAM, patient]))
        for number, item in wanted:
            rng = np.random.default_rng([seed, _STREAM, patient, number])
            true = draw_object(item, spec, rng)
            yield measure_object(item, true, own, spec=spec, camera=camera, nuclide=nuclide, rng=rng, patient=patient)


def draw_camera(spec: Mapping[str, Any], rng: np.random.Generator) -> PatientCamera:
    """Draw the calibration and measure the phantom once.

    References
    ----------
    [Gear2018]_
    """
    phantom = spec["phantom"]
    volumes = np.array(phantom["sphere_ml"], float)
    true = np.array([_phantom_recovery(float(v), spec["resolution_mm"], phantom["positions"]) for v in volumes])
    found = true * (1 + phantom["relative_u"] * rng.standard_normal(len(volumes)))
    recovery, _ = fit_recovery(RecoveryPoints("phantom", volumes, found, phantom["relative_u"] * found))
    return PatientCamera(1 + spec["calibration_relative_u"] * rng.standard_normal(), recovery)


@cache
def _phantom_recovery(volume_ml: float, fwhm_mm: float, positions: int) -> float:
    """Return the recovery of a sphere in voxels without noise, the mean over places within a voxel."""
    camera = load_camera()
    rng = np.random.default_rng([positions, _STREAM])
    found = []
    for _ in range(positions):
        shift = camera.voxel_mm * rng.uniform(-0.5, 0.5, 3)
        sphere = ellipsoid(shift, [equivalent_diameter_mm(volume_ml) / 2] * 3)
        fine = _fine_grid(sphere, sphere, camera)
        found.append(float(np.sum(_blurred_share(sphere, fine, fwhm_mm) * _fractions(sphere, fine))))
    return float(np.mean(found))


def draw_object(item: Mapping[str, Any], spec: Mapping[str, Any], rng: np.random.Generator) -> TrueObject:
    """Draw size, shape and kinetics of an organ or lesion, turned and shifted within a voxel."""
    volume_ml = draw(rng, item["volume_ml"])
    ratios = np.array(item["axes"], float) * [draw_factor(rng, spec["axis_cv"]) for _ in range(3)]
    semi_axes = ratios * (volume_ml * 1000 / (4 / 3 * math.pi * ratios.prod())) ** (1 / 3)
    amplitude = draw(rng, item["percent"]) / 100 * spec["administered_mbq"] * volume_ml / item["reference_ml"]
    half_lives = np.array([draw(rng, item[f"{phase}_half_life_h"]) for phase in ("effective", "uptake")])
    curve = KineticCurve(amplitude * np.array([1.0, -1.0]), math.log(2) / half_lives)
    shift = load_camera().voxel_mm * rng.uniform(-0.5, 0.5, 3)
    return TrueObject(ellipsoid(shift, semi_axes, rng.uniform(0, 180, 3)), curve)


def measure_object(
    item: Mapping[str, Any],
    true: TrueObject,
    own: PatientCamera,
    *,
    spec: Mapping[str, Any],
    camera: Camera,
    nuclide: Nuclide,
    rng: np.random.Generator,
    patient: int = 0,
) -> SimulatedDose:
    """Image, outline and integrate one object.

    Parameters
    ----------
    item : mapping
        Its entry under ``regions``.
    true : TrueObject
        What it is.
    own : PatientCamera
        With what it is measured.
    spec : mapping
        Content of ``data/simulation/cohort.yaml``.
    camera : Camera
        Voxels and sensitivity.
    nuclide : Nuclide
        Of the activity.
    rng : numpy.random.Generator
        Of outline and noise.
    patient : int
        For the record.

    References
    ----------
    [Gear2018]_
    """
    drawn_on = OutlinedOn(item["outlined_on"])
    spacing_mm = camera.ct_grid().spacing_mm if drawn_on is OutlinedOn.CT else (camera.voxel_mm,) * 3
    region = Region(item["name"], RegionKind(item["kind"]), outlined_on=drawn_on, outline_spacing_mm=spacing_mm)
    drawn = _outline(region, true.solid, camera.voxel_mm, spec["resolution_mm"], rng)
    fine = _fine_grid(true.solid, drawn, camera)
    grid = _emission_grid(fine, camera)
    share = _blurred_share(true.solid, fine, spec["resolution_mm"])
    segmentation = Segmentation(grid, (region,), (RegionVoxels.from_mask(_fractions(drawn, fine)),))
    maps = _images(share, grid, true.curve, own, spec=spec, camera=camera, nuclide=nuclide, rng=rng)
    curve, quantity, _ = region_curve(
        region.name,
        maps=maps,
        segmentations=[segmentation] * len(maps),
        recovery=own.recovery,
        resolution_mm=spec["resolution_mm"],
        measurement_relative_u=spec["measurement_relative_u"],
    )
    tia, _ = integrate_curve(curve, nuclide=nuclide)
    density = spec["density_g_per_ml"]
    found = region_dose(tia=tia, mass_g=quantity.volume_ml * density, nuclide=nuclide)
    constant = charged_dose_constant(nuclide)
    return SimulatedDose(
        patient=patient,
        region=region.name,
        volume_ml=true.solid.volume_ml,
        tia_mbq_h=true.curve.tia_mbq_h,
        dose_gy=constant * true.curve.tia_mbq_h / (true.solid.volume_ml * density),
        tia=tia,
        dose=found.dose_gy,
    )


def _outline(region: Region, true: Solid, voxel_mm: float, fwhm_mm: float, rng: np.random.Generator) -> Solid:
    """Return what an observer draws: on a CT each edge is off by itself, on the emission image all together."""
    relative = outline_relative_u(region, volume_ml=true.volume_ml, spacing_mm=(voxel_mm,) * 3, fwhm_mm=fwhm_mm)
    diameter_mm = equivalent_diameter_mm(true.volume_ml)
    if region.outlined_on is OutlinedOn.CT:
        # Three diameters, each from two edges: together they give the stated uncertainty of the volume.
        moved_mm = relative / math.sqrt(3) * diameter_mm * rng.standard_normal(3)
    else:
        moved_mm = np.full(3, relative / 3 * diameter_mm * rng.standard_normal())
    # No outline shrinks to nothing.
    semi_axes = np.maximum(true.semi_axes_mm + moved_mm / 2, 0.2 * true.semi_axes_mm)
    return Solid(true.shape, true.centre_mm, semi_axes, true.axes)


def _images(
    share: Array,
    grid: Grid,
    curve: KineticCurve,
    own: PatientCamera,
    *,
    spec: Mapping[str, Any],
    camera: Camera,
    nuclide: Nuclide,
    rng: np.random.Generator,
) -> list[ActivityMap]:
    counts_per_mbq = camera.sensitivity_cps_per_mbq * camera.duration_s * spec["transmission"]
    maps = []
    for t_h in spec["schedule_h"]:
        repeated = 1 + spec["measurement_relative_u"] * rng.standard_normal()
        expected = share * float(curve.activity_mbq(t_h)) * counts_per_mbq * own.activity_factor * repeated
        counts = rng.poisson(np.maximum(expected, 0.0))
        maps.append(
            ActivityMap(
                counts / (counts_per_mbq * grid.voxel_volume_ml),
                grid,
                t_h=float(t_h),
                nuclide=nuclide.name,
                calibration=_CALIBRATION,
                calibration_relative_u=spec["calibration_relative_u"],
                counts_per_mbq=counts_per_mbq,
            )
        )
    return maps


def _fine_grid(true: Solid, drawn: Solid, camera: Camera) -> Grid:
    """Return the fine grid around both, whole emission voxels large."""
    half = np.maximum(true.half_extent_mm(), drawn.half_extent_mm()) + np.abs(true.centre_mm)
    voxels = np.ceil(half / camera.voxel_mm).astype(int) + _MARGIN_VOXELS
    step = camera.voxel_mm / FINE_PER_VOXEL
    columns, rows, slices = (int(n) for n in 2 * voxels * FINE_PER_VOXEL)
    x, y, z = (float(corner) for corner in -voxels * camera.voxel_mm + step / 2)
    return Grid.axis_aligned((slices, rows, columns), (step,) * 3, (x, y, z))


def _emission_grid(fine: Grid, camera: Camera) -> Grid:
    """Return the emission voxels that the fine grid divides."""
    slices, rows, columns = (n // FINE_PER_VOXEL for n in fine.shape)
    x, y, z = (float(first) + (camera.voxel_mm - fine.spacing_mm[0]) / 2 for first in fine.affine_mm[:3, 3])
    return Grid.axis_aligned((slices, rows, columns), (camera.voxel_mm,) * 3, (x, y, z))


def _painted(solid: Solid, fine: Grid) -> Array:
    labels = np.zeros(fine.shape, np.uint8)
    paint(labels, fine, solid, 1)
    return labels


def _fractions(solid: Solid, fine: Grid) -> Array:
    return block_sum(_painted(solid, fine).astype(np.float32), (FINE_PER_VOXEL,) * 3) / FINE_PER_VOXEL**3


def _blurred_share(solid: Solid, fine: Grid, fwhm_mm: float) -> Array:
    """Return the share of the object's activity that each emission voxel shows."""
    from scipy.ndimage import gaussian_filter

    factor = FINE_PER_VOXEL // BLUR_PER_VOXEL
    binned = block_sum(_painted(solid, fine).astype(np.float32), (factor,) * 3)
    sigma = fwhm_mm / FWHM_PER_SIGMA / (fine.spacing_mm[0] * factor)
    blurred = gaussian_filter(binned, sigma, mode="constant", truncate=_BLUR_REACH_SIGMA)
    return np.asarray(block_sum(blurred, (BLUR_PER_VOXEL,) * 3) / binned.sum(dtype=np.float64))
