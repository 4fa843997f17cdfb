"""What a study states about red marrow, as options of the methods."""

from __future__ import annotations

import re
from dataclasses import dataclass

from theradose.dose.marrow import marrow_methods, marrow_ratio
from theradose.dose.marrow_image import IMAGE_METHOD, ImageMarrowOptions, site_fraction, voi_recovery
from theradose.dose.svalues import DEFAULT_SEX, Sex
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.spatial.marrow import SpongiosaRules, spongiosa_rules
from theradose.spatial.naming import canonical_region
from theradose.uncertainty import Uncertain
from theradose.workflow.case import Case

DEFAULT_SITES = ("l2-vertebra", "l3-vertebra", "l4-vertebra")
"""The union of Vallot 2024."""
OUTLINED_SPONGIOSA = "lumbar-marrow"
"""Region that is spongiosa already: taken as it is outlined."""

_VERTEBRA = re.compile(r"[CLTclt]\d{1,2}")


@dataclass(frozen=True, slots=True, eq=False)
class ImageMarrowSettings:
    """How red marrow is measured in images.

    Attributes
    ----------
    sites : tuple of str
        Canonical names of regions; empty if the study leaves them to what is outlined.
    rules : SpongiosaRules
        What belongs to the volume.
    outline_rules : SpongiosaRules
        The same for a region that is outlined spongiosa: no margin unless one is stated.
    options : ImageMarrowOptions
        From the volume to red marrow.
    method : str
        Name in ``marrow_methods``.
    """

    sites: tuple[str, ...]
    rules: SpongiosaRules
    outline_rules: SpongiosaRules
    options: ImageMarrowOptions
    method: str


def image_marrow_settings(case: Case) -> ImageMarrowSettings:
    """Return the settings of the image method, and refuse what cannot be meant.

    Raises
    ------
    TheradoseError
        For an unknown method or an impossible number, also where only the blood method uses it.
    """
    choice = case.study.marrow
    method = choice.method or IMAGE_METHOD
    marrow_methods.get(method)
    marrow_ratio(choice=choice.rmblr, haematocrit=choice.haematocrit)
    recovery, recovery_constant = voi_recovery(choice.recovery, u=choice.recovery_u)
    extrapolated = site_fraction(choice.extrapolate_site)
    constants = [] if recovery_constant is None else [recovery_constant]
    if extrapolated is not None:
        constants.append(extrapolated[1])
    for name, value in (("cellularity", choice.cellularity), ("trabecular fraction", choice.trabecular_fraction)):
        if value is not None:
            constants.append(Constant(f"{name} of the marrow volume", value, "1", "stated in the study", "stated", ""))
    options = ImageMarrowOptions(
        distribution=choice.distribution,
        recovery=recovery,
        cellularity=_stated(choice.cellularity, choice.cellularity_u, "cellularity"),
        trabecular_fraction=_stated(choice.trabecular_fraction, choice.trabecular_fraction_u, "trabecular-fraction"),
        site_fraction=None if extrapolated is None else extrapolated[0],
        constants=tuple(constants),
    )
    window, apart_mm = choice.hu_window, choice.lesion_margin
    return ImageMarrowSettings(
        sites=tuple(_site(case, name) for name in choice.sites),
        rules=spongiosa_rules(margin_mm=choice.margin, hu_window=window, lesion_margin_mm=apart_mm),
        outline_rules=spongiosa_rules(margin_mm=choice.margin or 0.0, hu_window=window, lesion_margin_mm=apart_mm),
        options=options,
        method=method,
    )


def stated_sex(case: Case) -> Sex | None:
    """Return the sex of the patient if there is a reference adult of it."""
    sex = case.study.patient.sex
    return sex if sex in ("M", "F") else None


def reference_sex(case: Case) -> tuple[Sex, tuple[Finding, ...]]:
    """Return the sex of the reference adult, the man's with a finding where the study does not say."""
    if (stated := stated_sex(case)) is not None:
        return stated, ()
    message = "The sex is not stated; the dose factors are those of the reference man."
    return DEFAULT_SEX, (Finding("sex-assumed", "info", message),)


def _site(case: Case, name: str) -> str:
    """Return the region that a site stands for; a bare ``T12`` is a vertebra here."""
    if _VERTEBRA.fullmatch(name):
        return f"{name.lower()}-vertebra"
    return canonical_region(name, names=case.study.names).name


def _stated(value: float | None, u: float | None, source: str) -> Uncertain | None:
    if value is None:
        return None
    return Uncertain(value, not_stated=frozenset({source})) if u is None else Uncertain(value, {source: u})
