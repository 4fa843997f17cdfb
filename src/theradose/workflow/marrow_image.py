"""Red marrow dose from the concentration in the spongiosa of the vertebrae."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from theradose.dose.marrow import MarrowDose, marrow_methods
from theradose.dose.marrow_image import (
    ImageMarrowConcentration,
    MarrowSplit,
    image_marrow_request,
    marrow_from_image,
    split_marrow_uptake,
)
from theradose.errors import TheradoseError
from theradose.model.curve import CurveFit, TimeIntegratedActivity
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.spatial.marrow import MARROW_VOLUME, MarrowVolume
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case
from theradose.workflow.marrow_measure import MarrowMeasurement, not_computed
from theradose.workflow.marrow_result import (
    dose_per_activity,
    result_flags,
    self_gy_of_fit,
    with_whole_body_if_possible,
)
from theradose.workflow.marrow_settings import reference_sex
from theradose.workflow.readings import Readings, rest_of_body


@dataclass(frozen=True, slots=True, eq=False)
class ImageMarrow:
    """Red marrow dose from images.

    Attributes
    ----------
    measured : MarrowMeasurement
        Concentration in spongiosa.
    concentration : ImageMarrowConcentration
        In spongiosa and in red marrow, with what was assumed.
    dose : MarrowDose
        To red marrow.
    split : MarrowSplit or None
        Part of the blood and specific part, if there are blood samples too.
    administered_mbq : Uncertain
        Net activity.
    findings : tuple of Finding
        Of the measurement and of the dose.
    """

    measured: MarrowMeasurement
    concentration: ImageMarrowConcentration
    dose: MarrowDose
    split: MarrowSplit | None
    administered_mbq: Uncertain
    findings: tuple[Finding, ...]

    @property
    def tia(self) -> TimeIntegratedActivity:
        """Integral of the concentration in spongiosa as measured."""
        return self.measured.tia

    @property
    def dose_per_activity_gy_gbq(self) -> Uncertain:
        """Known dose per administered activity."""
        return dose_per_activity(self.dose, self.administered_mbq)

    @property
    def constants(self) -> tuple[Constant, ...]:
        """Every constant used."""
        return tuple(dict.fromkeys((*self.concentration.constants, *self.dose.constants)))

    def self_gy_of(self, fit: CurveFit) -> float:
        """Return the self dose if the points were described by this fit alone."""
        return self_gy_of_fit(self.dose, self.tia, fit)

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the fits that the result rests on, then findings that limit the trust in it."""
        return result_flags(self.tia, self.findings)


def image_marrow(
    case: Case,
    measured: MarrowMeasurement | None,
    readings: Readings,
    tias: Mapping[str, TimeIntegratedActivity],
) -> tuple[ImageMarrow | None, tuple[Finding, ...]]:
    """Return the red marrow dose from images.

    A dose that cannot be had is a critical finding: the rest of the result stands.

    Parameters
    ----------
    case : Case
        Of the run.
    measured : MarrowMeasurement or None
        ``None`` if no vertebrae are outlined.
    readings : Readings
        The whole body by a probe gives the dose from outside the marrow; blood samples the split of the uptake.
    tias : mapping of str to TimeIntegratedActivity
        Of the imaged regions.

    Returns
    -------
    ImageMarrow or None
        With the findings of the measurement too, which flag the dose.
    tuple of Finding
        Those of the dose alone.
    """
    if measured is None:
        return None, ()
    try:
        result = _dose(case, measured, readings, tias)
    except TheradoseError as error:
        return None, (not_computed(error),)
    return result, tuple(finding for finding in result.findings if finding not in measured.findings)


def _dose(
    case: Case,
    measured: MarrowMeasurement,
    readings: Readings,
    tias: Mapping[str, TimeIntegratedActivity],
) -> ImageMarrow:
    mass_g, settings = case.study.marrow.mass, measured.settings
    sex, sexed = reference_sex(case)
    concentration, converted = marrow_from_image(
        voi_tia_mbq_h_per_ml=measured.tia.value,
        density_g_per_ml=measured.density_g_per_ml,
        options=settings.options,
        site_volume_ml=_site_volume(measured.volume),
        marrow_mass_g=mass_g,
        sex=sex,
    )
    method = marrow_methods.get(settings.method)
    rest = rest_of_body(readings, tias)
    request = image_marrow_request(concentration, nuclide=case.nuclide, sex=sex, marrow_mass_g=mass_g, rest=rest)
    (dose, dosed), noticed = with_whole_body_if_possible(
        lambda known: method(request if known else replace(request, whole_body_tia_mbq_h=None)), where=MARROW_VOLUME
    )
    findings = list(noticed)
    split = None
    if readings.blood is not None:
        split, parted = split_marrow_uptake(
            image_tia_mbq_h_per_kg=concentration.marrow,
            blood_tia_mbq_h_per_kg=readings.blood.concentration.marrow,
        )
        findings += parted
    placed = [replace(one, where=one.where or MARROW_VOLUME) for one in (*sexed, *converted, *findings, *dosed)]
    return ImageMarrow(
        measured=measured,
        concentration=concentration,
        dose=dose,
        split=split,
        administered_mbq=case.administered_mbq,
        findings=tuple(dict.fromkeys((*measured.findings, *placed))),
    )


def _site_volume(volume: MarrowVolume) -> Uncertain:
    """Return the volume of the vertebral bodies, for an extrapolation: the outline without its processes."""
    bodies_ml = volume.outlined_ml - volume.excluded_ml["processes"]
    return Uncertain.relative(bodies_ml, {"volume:marrow-site": None})
