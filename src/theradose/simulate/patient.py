"""The digital patient: anatomy and kinetics, drawn from a seed, with everything known exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from theradose.data import load_yaml
from theradose.model.arrays import Array, frozen
from theradose.model.transform import RigidTransform
from theradose.nuclides import Nuclide, load_nuclide
from theradose.quantify.remainder import REMAINDER
from theradose.simulate.camera import Camera
from theradose.simulate.organs import Anatomy, build_anatomy
from theradose.simulate.sampling import draw
from theradose.simulate.solids import rotation

LUTETIUM_DOTATATE = "simulation/lu177-dotatate.yaml"
# Each use of a seed draws from a stream of its own, so that a change in one leaves the others as they are.
_STREAM = 1
_SAMPLING_TURNS_DEG = ((2.0, 1.0, 1.0), (-1.0, -2.0, -2.0))


@dataclass(frozen=True, slots=True)
class Tissue:
    """CT number and mass density of a tissue."""

    hu: float
    density_g_ml: float


@dataclass(frozen=True, slots=True, eq=False)
class KineticCurve:
    """Activity as a sum of exponentials, physical decay included.

    Attributes
    ----------
    amplitudes_mbq : ndarray, shape (k,)
        Amplitudes at the administration; negative ones describe uptake.
    rates_per_h : ndarray, shape (k,)
        Effective rates.
    """

    amplitudes_mbq: Array
    rates_per_h: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "amplitudes_mbq", frozen(self.amplitudes_mbq, float))
        object.__setattr__(self, "rates_per_h", frozen(self.rates_per_h, float))

    def activity_mbq(self, t_h: Array | float) -> Array:
        """Return the activity at `t_h`, hours after the administration."""
        return np.asarray(np.exp(-np.multiply.outer(np.asarray(t_h, float), self.rates_per_h)) @ self.amplitudes_mbq)

    def mean_mbq(self, start_h: float, duration_h: float) -> float:
        """Return the mean activity over a frame."""
        if duration_h == 0:
            return float(self.activity_mbq(start_h))
        started = self.amplitudes_mbq * np.exp(-self.rates_per_h * start_h)
        gone = -np.expm1(-self.rates_per_h * duration_h)
        return float((started * gone / self.rates_per_h).sum() / duration_h)

    @property
    def tia_mbq_h(self) -> float:
        """Integral from the administration to infinity."""
        return float((self.amplitudes_mbq / self.rates_per_h).sum())

    def scaled(self, factor: float) -> KineticCurve:
        """Return the curve with all amplitudes multiplied by `factor`."""
        return KineticCurve(self.amplitudes_mbq * factor, self.rates_per_h)


@dataclass(frozen=True, slots=True, eq=False)
class DigitalPatient:
    """A patient whose anatomy and kinetics are known exactly.

    Attributes
    ----------
    seed : int
        From which everything is drawn.
    nuclide : Nuclide
        What was administered.
    administered_mbq : float
        At time 0.
    weight_kg, height_cm : float
        Of the patient.
    anatomy : Anatomy
        In the reference pose.
    volumes_ml : ndarray, shape (parts,)
        Volume of each part of the anatomy, measured on a fine grid; parts that leave the field of view count
        inside it only.
    curves : mapping of str to KineticCurve
        One per part with kinetics of its own, by part name, and one for the remainder of the whole body.
    tissues : mapping of str to Tissue
        By name.
    remainder_per_ml : ndarray, shape (parts,)
        Share of the remainder's activity per mL of each part.
    """

    seed: int
    nuclide: Nuclide
    administered_mbq: float
    weight_kg: float
    height_cm: float
    anatomy: Anatomy
    volumes_ml: Array
    curves: Mapping[str, KineticCurve]
    tissues: Mapping[str, Tissue]
    remainder_per_ml: Array

    def concentrations_mbq_ml(self, start_h: float, duration_h: float) -> Array:
        """Return the mean activity concentration over a frame by label (0 is air), shape (parts + 1,)."""
        remainder = self.curves[REMAINDER].mean_mbq(start_h, duration_h)
        values = remainder * self.remainder_per_ml
        for position, part in enumerate(self.anatomy.parts):
            if part.name in self.curves:
                values[position] = self.curves[part.name].mean_mbq(start_h, duration_h) / self.volumes_ml[position]
        return np.concatenate([[0.0], values])

    def by_label(self, quantity: str) -> Array:
        """Return ``hu`` or ``density_g_ml`` by label (0 is air), shape (parts + 1,)."""
        names = ["air", *(part.tissue for part in self.anatomy.parts)]
        return np.array([getattr(self.tissues[name], quantity) for name in names])

    def region_volume_ml(self, region: str) -> float:
        """Return the volume of a region."""
        return float(self.volumes_ml[list(self.anatomy.parts_of(region))].sum())

    def region_mass_g(self, region: str) -> float:
        """Return the mass of a region."""
        density = self.by_label("density_g_ml")[1:]
        members = list(self.anatomy.parts_of(region))
        return float((self.volumes_ml * density)[members].sum())

    def region_curve(self, region: str) -> KineticCurve:
        """Return the activity of a region or structure over time."""
        curves = [self._part_curve(member) for member in self.anatomy.parts_of(region)]
        return KineticCurve(
            np.concatenate([curve.amplitudes_mbq for curve in curves]),
            np.concatenate([curve.rates_per_h for curve in curves]),
        )

    def _part_curve(self, member: int) -> KineticCurve:
        """Return the activity of a part: its own, or its share of the remainder."""
        own = self.curves.get(self.anatomy.parts[member].name)
        if own is not None:
            return own
        return self.curves[REMAINDER].scaled(float(self.remainder_per_ml[member] * self.volumes_ml[member]))

    def body_curve(self) -> KineticCurve:
        """Return the activity of the whole body over time."""
        curves = tuple(self.curves.values())
        return KineticCurve(
            np.concatenate([curve.amplitudes_mbq for curve in curves]),
            np.concatenate([curve.rates_per_h for curve in curves]),
        )


def make_patient(
    *,
    seed: int,
    camera: Camera,
    spec: Mapping[str, Any] | None = None,
    arms: bool = False,
    without: Collection[str] = (),
) -> DigitalPatient:
    """Draw a patient.

    Parameters
    ----------
    seed : int
        The same seed gives the same patient.
    camera : Camera
        Whose field of view limits the parts that leave it.
    spec : mapping, optional
        What is drawn from; by default the packaged 177Lu-DOTATATE patient.
    arms : bool
        Whether the arms lie beside the trunk.
    without : collection of str
        Regions that this patient lacks (a removed kidney).
    """
    spec = load_yaml(LUTETIUM_DOTATATE) if spec is None else spec
    rng = np.random.default_rng([seed, _STREAM])
    weight_kg = draw(rng, spec["weight_kg"])
    height_cm = draw(rng, spec["height_cm"])
    administered_mbq = round(draw(rng, spec["administered_mbq"]))
    anatomy = build_anatomy(spec, rng=rng, weight_kg=weight_kg, arms=arms)
    anatomy = Anatomy(tuple(part for part in anatomy.parts if part.region not in without))
    tissues = {name: Tissue(**values) for name, values in spec["tissues"].items()}
    volumes_ml = _sample_volumes(anatomy, camera)
    curves = _draw_curves(spec, rng, anatomy, volumes_ml, administered_mbq)
    densities = np.array([tissues[part.tissue].density_g_ml for part in anatomy.parts])
    shares = _remainder_per_ml(spec["remainder"], anatomy, volumes_ml, densities, weight_kg)
    return DigitalPatient(
        seed=seed,
        nuclide=load_nuclide(spec["nuclide"]),
        administered_mbq=administered_mbq,
        weight_kg=weight_kg,
        height_cm=height_cm,
        anatomy=anatomy,
        volumes_ml=frozen(volumes_ml),
        curves=curves,
        tissues=tissues,
        remainder_per_ml=frozen(shares),
    )


def _sample_volumes(anatomy: Anatomy, camera: Camera) -> Array:
    """Volume of each part in the field of view, as the mean over slight turns.

    Faces along the sampling grid would gain or lose a whole layer; the turns average that out.
    """
    view = camera.fine_grid(half_width_mm=anatomy.half_width_mm, margin_voxels=0)
    counts = np.zeros(len(anatomy.parts) + 1)
    for angles_deg in _SAMPLING_TURNS_DEG:
        matrix = np.eye(4)
        matrix[:3, :3] = rotation(angles_deg)
        labels = anatomy.moved(RigidTransform(matrix)).labels(view)
        counts += np.bincount(labels.ravel(), minlength=len(counts))
    return np.asarray(counts[1:] * view.voxel_volume_ml / len(_SAMPLING_TURNS_DEG))


def _draw_curves(
    spec: Mapping[str, Any],
    rng: np.random.Generator,
    anatomy: Anatomy,
    volumes_ml: Array,
    administered_mbq: float,
) -> dict[str, KineticCurve]:
    curves: dict[str, KineticCurve] = {}
    half_lives: dict[str, Array] = {}
    concentrations: dict[str, float] = {}
    for region in anatomy.region_names:
        members = anatomy.parts_of(region)
        outer = anatomy.parts[members[0]]
        kinetics = spec["kinetics"][outer.kinetics]
        shared = kinetics.get("shared", region)
        if shared not in half_lives:
            half_lives[shared] = np.array(
                [draw(rng, kinetics[f"{phase}_half_life_h"]) for phase in ("effective", "uptake")]
            )
            concentrations[shared] = draw(rng, kinetics["percent"]) / 100 * administered_mbq / kinetics["reference_ml"]
        relative = np.array([kinetics["core_to_cortex"] if anatomy.parts[m].is_core else 1.0 for m in members])
        volumes = volumes_ml[list(members)]
        weights = relative * volumes / (relative @ volumes)
        amplitude = concentrations[shared] * volumes.sum()
        for member, weight in zip(members, weights, strict=True):
            curves[anatomy.parts[member].name] = KineticCurve(
                amplitude * weight * np.array([1.0, -1.0]), np.log(2) / half_lives[shared]
            )
    remainder = spec["remainder"]
    slow = draw(rng, remainder["slow_share"])
    rates = np.log(2) / [draw(rng, remainder["fast_half_life_h"]), draw(rng, remainder["slow_half_life_h"])]
    curves[REMAINDER] = KineticCurve(administered_mbq * np.array([1 - slow, slow]), rates)
    return curves


def _remainder_per_ml(
    spec: Mapping[str, Any], anatomy: Anatomy, volumes_ml: Array, densities: Array, weight_kg: float
) -> Array:
    """Share of the remainder per mL of each part; what lies outside the field of view takes its part too."""
    relative = np.array(
        [spec["relative_concentration"][part.tissue] if part.kinetics == REMAINDER else 0.0 for part in anatomy.parts]
    )
    mass_outside_g = 1000 * weight_kg - float(volumes_ml @ densities)
    # Outside the view the mean density is taken as 1 g/mL.
    total = float(relative @ volumes_ml) + spec["beyond_view_concentration"] * mass_outside_g
    return np.asarray(relative / total)
