"""What is known exactly about a simulated study, as a document beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from theradose.dose.local import charged_dose_constant
from theradose.model.region import RegionKind
from theradose.model.transform import RigidTransform
from theradose.simulate.patient import DigitalPatient, KineticCurve
from theradose.simulate.readings import TrueBlood

SCHEMA = "theradose/truth/1"


@dataclass(frozen=True, slots=True, eq=False)
class TrueRegion:
    """A region of the digital patient.

    Attributes
    ----------
    name : str
        As in the structure set.
    kind : RegionKind
        Organ, lesion or other.
    site : str
        Where a lesion lies.
    outlined : bool
        Whether the structure set holds it.
    volume_ml, mass_g : float
        Volume, and mass by the true density.
    curve : KineticCurve
        Activity over time.
    tia_mbq_h : float
        Its integral to infinity.
    dose_gy : float
        Mean dose if all electron energy is absorbed in the region.
    """

    name: str
    kind: RegionKind
    site: str
    outlined: bool
    volume_ml: float
    mass_g: float
    curve: KineticCurve
    tia_mbq_h: float
    dose_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class TrueMarrow:
    """The spongiosa of the outlined vertebrae, in which all marrow takes part alike.

    Attributes
    ----------
    sites : tuple of str
        The vertebrae.
    volume_ml, mass_g : float
        Of their spongiosa.
    tia_mbq_h : float
        Time-integrated activity in it.
    dose_gy : float
        Mean dose if all electron energy is absorbed in it.
    """

    sites: tuple[str, ...]
    volume_ml: float
    mass_g: float
    tia_mbq_h: float
    dose_gy: float


@dataclass(frozen=True, slots=True, eq=False)
class TrueTimepoint:
    """One simulated visit.

    Attributes
    ----------
    id : str
        As in the study.
    t_h : float
        Start of the acquisition after the administration.
    transform : RigidTransform
        Maps LPS points of the reference time point to the same anatomy at this one.
    body_mbq : float
        Activity in the whole body at `t_h`.
    view_mbq : float
        Mean activity in the field of view during the acquisition.
    live_fraction : float
        Share of the detected events that was recorded.
    """

    id: str
    t_h: float
    transform: RigidTransform
    body_mbq: float
    view_mbq: float
    live_fraction: float


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Everything that is known about a simulated study.

    Attributes
    ----------
    seed : int
        From which it was drawn.
    variant : str
        Deliberate flaw, or ``standard``.
    unit : str
        Of the emission images.
    nuclide : str
        As ``Lu-177``.
    administered_mbq : float
        Net activity at time 0.
    reference_timepoint : str
        Whose space the structure set and the transforms use.
    regions : tuple of TrueRegion
        All regions with kinetics of their own.
    marrow : TrueMarrow
        Spongiosa of the outlined vertebrae.
    body : KineticCurve
        Activity of the whole body; what is missing to the decayed administered activity was excreted.
    blood : TrueBlood
        Of which samples are drawn.
    timepoints : tuple of TrueTimepoint
        In order of time.
    """

    seed: int
    variant: str
    unit: str
    nuclide: str
    administered_mbq: float
    reference_timepoint: str
    regions: tuple[TrueRegion, ...]
    marrow: TrueMarrow
    body: KineticCurve
    blood: TrueBlood
    timepoints: tuple[TrueTimepoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the truth as the document described in ``docs/formats/truth.md``."""
        return {
            "schema": SCHEMA,
            "seed": self.seed,
            "variant": self.variant,
            "unit": self.unit,
            "nuclide": self.nuclide,
            "administered_mbq": self.administered_mbq,
            "reference_timepoint": self.reference_timepoint,
            "regions": [_region_json(region) for region in self.regions],
            "marrow": _marrow_json(self.marrow),
            "whole_body": {"curve": _curve_json(self.body), "tia_mbq_h": self.body.tia_mbq_h},
            "blood": {
                "curve_per_l": _curve_json(self.blood.curve),
                "tia_mbq_h_per_l": self.blood.curve.tia_mbq_h,
                "haematocrit": self.blood.haematocrit,
                "marrow_dose_gy": self.blood.marrow_dose_gy,
            },
            "timepoints": [_timepoint_json(timepoint) for timepoint in self.timepoints],
        }

    def write(self, path: Path) -> None:
        """Write the document as JSON."""
        path.write_text(json.dumps(self.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def true_regions(patient: DigitalPatient, outlined: tuple[str, ...]) -> tuple[TrueRegion, ...]:
    """Return what is true of each region of a patient; `outlined` are those of the structure set."""
    constant = charged_dose_constant(patient.nuclide)
    regions = []
    for name in (*patient.anatomy.region_names, *patient.anatomy.structure_names):
        part = patient.anatomy.parts[patient.anatomy.parts_of(name)[0]]
        curve = patient.region_curve(name)
        mass_g = patient.region_mass_g(name)
        regions.append(
            TrueRegion(
                name=name,
                kind=part.kind,
                site=part.site,
                outlined=name in outlined,
                volume_ml=patient.region_volume_ml(name),
                mass_g=mass_g,
                curve=curve,
                tia_mbq_h=curve.tia_mbq_h,
                dose_gy=constant * curve.tia_mbq_h / mass_g,
            )
        )
    return tuple(regions)


def true_marrow(patient: DigitalPatient) -> TrueMarrow:
    """Return what is true of the spongiosa of the outlined vertebrae."""
    parts = patient.anatomy.parts
    members = [i for i, part in enumerate(parts) if part.structure is not None and part.tissue == "spongiosa"]
    regions = [str(parts[member].region) for member in members]
    mass_g = sum(patient.region_mass_g(region) for region in regions)
    tia_mbq_h = sum(patient.region_curve(region).tia_mbq_h for region in regions)
    constant = charged_dose_constant(patient.nuclide)
    return TrueMarrow(
        sites=patient.anatomy.structure_names,
        volume_ml=sum(patient.region_volume_ml(region) for region in regions),
        mass_g=mass_g,
        tia_mbq_h=tia_mbq_h,
        dose_gy=constant * tia_mbq_h / mass_g,
    )


def _marrow_json(marrow: TrueMarrow) -> dict[str, Any]:
    return {
        "sites": list(marrow.sites),
        "volume_ml": marrow.volume_ml,
        "mass_g": marrow.mass_g,
        "tia_mbq_h": marrow.tia_mbq_h,
        "dose_gy": marrow.dose_gy,
    }


def _region_json(region: TrueRegion) -> dict[str, Any]:
    return {
        "name": region.name,
        "kind": region.kind.value,
        "site": region.site or None,
        "outlined": region.outlined,
        "volume_ml": region.volume_ml,
        "mass_g": region.mass_g,
        "curve": _curve_json(region.curve),
        "tia_mbq_h": region.tia_mbq_h,
        "dose_gy": region.dose_gy,
    }


def _curve_json(curve: KineticCurve) -> dict[str, Any]:
    return {"amplitudes_mbq": curve.amplitudes_mbq.tolist(), "rates_per_h": curve.rates_per_h.tolist()}


def _timepoint_json(timepoint: TrueTimepoint) -> dict[str, Any]:
    return {
        "id": timepoint.id,
        "t_h": timepoint.t_h,
        "reference_to_moving_mm": timepoint.transform.matrix.tolist(),
        "body_mbq": timepoint.body_mbq,
        "view_mbq": timepoint.view_mbq,
        "live_fraction": timepoint.live_fraction,
    }
