"""Red marrow dose from a table of volumes of interest: one treatment or a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from theradose.acquire.vois import read_vois
from theradose.dose.marrow import marrow_methods
from theradose.dose.marrow_image import (
    IMAGE_METHOD,
    ImageMarrowConcentration,
    ImageMarrowOptions,
    RestOfBody,
    image_marrow_request,
    marrow_from_image,
)
from theradose.dose.svalues import DEFAULT_SEX
from theradose.errors import FitError
from theradose.kinetics.integrate import integrate_curve
from theradose.model.s_values import TOTAL_BODY
from theradose.model.samples import Treatment
from theradose.model.vois import VoiCurve, VoiSeries
from theradose.nuclides import Constant, Nuclide, load_nuclide
from theradose.quantify.vois import VoiOptions, voi_curve
from theradose.uncertainty import Uncertain
from theradose.workflow.marrow_result import TreatmentMarrow
from theradose.workflow.treatments import (
    TreatmentDefaults,
    check_stated,
    check_unique,
    completed_treatment,
    stated_treatments,
    unstated_findings,
)

IMAGE_MODELS = ("mono", "bi", "tri")
"""Models tried for images by default; those with more parameters than images are refused one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiMarrowOptions:
    """What holds for every treatment, unless the table of treatments says otherwise.

    Attributes
    ----------
    nuclide : str
        In any spelling.
    vois : VoiOptions
        How rows become a curve.
    treatment : TreatmentDefaults
        Activity, infusion, sex …
    image : ImageMarrowOptions
        From the volume to red marrow.
    method : str
        Name in ``marrow_methods``.
    models : tuple of str
        Models to try.
    """

    nuclide: str
    vois: VoiOptions = field(default_factory=VoiOptions)
    treatment: TreatmentDefaults = field(default_factory=TreatmentDefaults)
    image: ImageMarrowOptions = field(default_factory=ImageMarrowOptions)
    method: str = IMAGE_METHOD
    models: tuple[str, ...] = IMAGE_MODELS


@dataclass(frozen=True, slots=True, eq=False)
class VoiMarrow(TreatmentMarrow):
    """Result of one treatment; its integral is that of the concentration, MBq·h/mL.

    Attributes
    ----------
    curve : VoiCurve
        Concentration in the volume.
    concentration : ImageMarrowConcentration
        In spongiosa and in red marrow, with what was assumed.
    """

    curve: VoiCurve
    concentration: ImageMarrowConcentration

    @property
    def refused(self) -> Mapping[str, str]:
        """Models that the images do not support, each with the sentence that says why."""
        return self.tia.refused

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every constant used."""
        return tuple(dict.fromkeys((*self.concentration.constants, *self.dose.constants)))


def image_marrow_table(
    paths: Sequence[Path], options: VoiMarrowOptions, *, treatments: Path | None = None
) -> tuple[VoiMarrow, ...]:
    """Return the image-based red marrow dose of every treatment in the tables.

    Parameters
    ----------
    paths : sequence of Path
        Tables of volumes of interest.
    options : VoiMarrowOptions
        What holds for all.
    treatments : Path, optional
        Table of treatments; its cells come before `options`.

    Raises
    ------
    TheradoseError
        One sentence for the first table, row or option that cannot be used.
    """
    nuclide = load_nuclide(options.nuclide)
    marrow_methods.get(options.method)
    stated = stated_treatments(treatments)
    series = [item for path in paths for item in read_vois(path)]
    check_unique(series)
    check_stated(series, stated, treatments)
    return tuple(
        _treatment_marrow(item, completed_treatment(stated, item, options.treatment), options, nuclide)
        for item in series
    )


def _treatment_marrow(
    series: VoiSeries, treatment: Treatment, options: VoiMarrowOptions, nuclide: Nuclide
) -> VoiMarrow:
    curve, measured = voi_curve(series, options=replace(options.vois, start=treatment.start))
    try:
        tia, fitted = integrate_curve(
            curve.curve, nuclide=nuclide, models=options.models, infusion_h=treatment.infusion_h or 0.0
        )
    except FitError as error:
        raise FitError(f"{series.label}: {error}", code=error.code) from None
    sex = treatment.sex or DEFAULT_SEX
    volume_ml = None if curve.volume_ml is None else Uncertain(curve.volume_ml)
    concentration, converted = marrow_from_image(
        voi_tia_mbq_h_per_ml=tia.value,
        density_g_per_ml=curve.density_g_per_ml,
        options=options.image,
        site_volume_ml=volume_ml,
        marrow_mass_g=treatment.marrow_mass_g,
        sex=sex,
    )
    organs = {organ: value for organ, value in treatment.tia_mbq_h.items() if organ != TOTAL_BODY}
    request = image_marrow_request(
        concentration,
        nuclide=nuclide,
        sex=sex,
        marrow_mass_g=treatment.marrow_mass_g,
        rest=RestOfBody(treatment.tia_mbq_h.get(TOTAL_BODY), organs),
    )
    dose, dosed = marrow_methods.get(options.method)(request)
    findings = (*measured, *fitted, *converted, *dosed, *unstated_findings(treatment))
    return VoiMarrow(
        curve=curve,
        treatment=treatment,
        tia=tia,
        concentration=concentration,
        dose=dose,
        findings=tuple(dict.fromkeys(replace(finding, where=series.label) for finding in findings)),
    )
