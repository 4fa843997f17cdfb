"""From activity seen in spongiosa (trabecular bone with its marrow) to the concentration in red marrow.

An image gives the time-integrated activity concentration in a volume of spongiosa. What the red marrow in it holds
depends on where the activity is taken to be; every such assumption is an option here and stands in the result with its
source. The result is a :class:`~theradose.dose.marrow.MarrowRequest`, so that every method of ``marrow_methods`` can
turn it into dose: ``local-deposition`` with D = k C̃/ρ, ``s-value`` with the absorbed fraction of the reference adult.

References
----------
[Vallot2024]_ Trabecular part of L2 to L4 as one volume, local deposition with density correction.
[Hemmingsson2023]_ Specific and blood-based parts of the uptake in vertebrae.
[Santoro2018]_ Recovery of the vertebrae in a phantom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from theradose.data import load_number, load_yaml
from theradose.dose.energy import emitted_energy
from theradose.dose.marrow import MarrowRequest
from theradose.dose.spongiosa import Composition, spongiosa_composition, spongiosa_constant, stated_or_not
from theradose.dose.svalues import DEFAULT_SEX, Sex, reference_mass_constant
from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.model.s_values import RED_MARROW
from theradose.nuclides import Constant, Nuclide
from theradose.uncertainty import Uncertain

Distribution = Literal["spongiosa", "active-marrow"]
"""Where the activity of the volume is: alike in all of its mass, or in the active marrow alone."""

DISTRIBUTIONS: tuple[str, ...] = get_args(Distribution)
IMAGE_METHOD = "local-deposition"
"""Entry of ``marrow_methods`` for images unless another is asked for, as in the comparison of Vallot 2024."""
PHANTOM_RECOVERY = "santoro2018"
"""Name of the packaged recovery of the vertebrae."""
RECOVERY_SOURCE = "recovery:marrow-voi"

_DATA = "marrow_image.yaml"
_G_PER_KG = 1e3
_SITE = "site-fraction"


@dataclass(frozen=True, slots=True, eq=False)
class ImageMarrowOptions:
    """Assumptions between a volume of spongiosa and the red marrow in it.

    Attributes
    ----------
    distribution : {"spongiosa", "active-marrow"}
        Where the activity is.
    recovery : Uncertain or None
        Measured over true concentration in the volume; ``None`` corrects nothing.
    cellularity : Uncertain or None
        For ``active-marrow``; ``None`` takes the packaged value.
    trabecular_fraction : Uncertain or None
        For ``active-marrow``; ``None`` follows from the density of the volume.
    site_fraction : Uncertain or None
        Share of all red marrow that lies in the imaged site. ``None``, the default, does not extrapolate.
    constants : tuple of Constant
        Origin of what is stated above, for the result.
    """

    distribution: Distribution = "spongiosa"
    recovery: Uncertain | None = None
    cellularity: Uncertain | None = None
    trabecular_fraction: Uncertain | None = None
    site_fraction: Uncertain | None = None
    constants: tuple[Constant, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ImageMarrowConcentration:
    """Time-integrated activity concentrations, MBq·h/kg.

    Attributes
    ----------
    spongiosa : Uncertain
        In the volume, corrected for recovery.
    marrow : Uncertain
        In red marrow.
    composition : Composition or None
        Of the volume, where the distribution needs it.
    constants : tuple of Constant
        Every constant used.
    """

    spongiosa: Uncertain
    marrow: Uncertain
    composition: Composition | None
    constants: tuple[Constant, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MarrowSplit:
    """Time-integrated concentration in red marrow by origin, MBq·h/kg; `total` is what the image shows."""

    specific: Uncertain
    non_specific: Uncertain
    total: Uncertain


def voi_recovery(choice: str | float | None, *, u: float | None = None) -> tuple[Uncertain | None, Constant | None]:
    """Return the recovery of a vertebral volume and its origin.

    Parameters
    ----------
    choice : str, float or None
        ``santoro2018``, a number above 0 and at most 1.5, or ``None`` for no correction.
    u : float, optional
        Standard uncertainty of a number; not stated by default.

    Raises
    ------
    PhysicsError
        For another word or number.

    References
    ----------
    [Santoro2018]_ 80 mL between two kidneys of 200 mL.
    """
    if choice is None:
        return None, None
    if choice == PHANTOM_RECOVERY:
        constant = spongiosa_constant("recovery_l2_l4", "recovery of the vertebrae in a phantom")
        return stated_or_not(constant.value, constant.u if u is None else u, RECOVERY_SOURCE), constant
    try:
        value = float(choice)
    except ValueError:
        value = 0.0
    highest = load_number(_DATA, "largest_recovery")
    if not 0 < value <= highest:
        raise PhysicsError(
            f"'{choice}' is not a recovery of the marrow: valid are {PHANTOM_RECOVERY} or a number above 0 and up to "
            f"{highest:g}.",
            code="marrow-recovery",
        )
    return stated_or_not(value, u, RECOVERY_SOURCE), _stated("recovery of the marrow volume", value)


def site_fraction(choice: str | float | bool | None, *, u: float | None = None) -> tuple[Uncertain, Constant] | None:
    """Return the share of all red marrow that lies in L2 to L4, for an extrapolation to all red marrow.

    Parameters
    ----------
    choice : str, float, bool or None
        ``l2-l4`` or ``True`` for the packaged value, a fraction of the user, ``None`` or ``False`` for none.
    u : float, optional
        Standard uncertainty of a number.

    Raises
    ------
    PhysicsError
        For another word, or a number that is not a fraction.

    References
    ----------
    [Vallot2024]_ quotes neither; the packaged value is unverified.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice == "l2-l4":
        constant = spongiosa_constant("site_fraction_l2_l4", "share of all red marrow that lies in L2 to L4")
        return stated_or_not(constant.value, constant.u if u is None else u, _SITE), constant
    try:
        value = float(choice)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise PhysicsError(
            f"'{choice}' is not a share of red marrow: valid are l2-l4 or a fraction between 0 and 1.",
            code="marrow-site-fraction",
        )
    return stated_or_not(value, u, _SITE), _stated("share of all red marrow that lies in the imaged site", value)


def marrow_from_image(
    *,
    voi_tia_mbq_h_per_ml: Uncertain,
    density_g_per_ml: Uncertain,
    options: ImageMarrowOptions,
    site_volume_ml: Uncertain | None = None,
    marrow_mass_g: float | None = None,
    sex: Sex = DEFAULT_SEX,
) -> tuple[ImageMarrowConcentration, tuple[Finding, ...]]:
    """Return the time-integrated concentration in red marrow from that in a volume of spongiosa.

    C̃ = C̃_VOI/R; in ``spongiosa`` the marrow has C̃/ρ, in ``active-marrow`` C̃/[(1 − f) c ρ_red]. With a site
    fraction, Ã_RM = C̃ V/f_site, over the mass of all red marrow.

    Parameters
    ----------
    voi_tia_mbq_h_per_ml : Uncertain
        Time-integrated activity concentration in the volume, as the image shows it.
    density_g_per_ml : Uncertain
        Mean density of the volume.
    options : ImageMarrowOptions
        What is assumed.
    site_volume_ml : Uncertain, optional
        Volume of all spongiosa of the site, for the extrapolation.
    marrow_mass_g : float, optional
        All red marrow of the patient, for the extrapolation; the reference adult's by default.
    sex : {"M", "F"}
        Of the reference adult.

    Returns
    -------
    ImageMarrowConcentration
        With every constant used.
    tuple of Finding
        ``marrow-recovery-not-applied``, ``marrow-density-implausible``, ``marrow-extrapolated`` and those of
        `spongiosa_composition`.

    Raises
    ------
    PhysicsError
        For values that are not positive, or options that exclude each other.

    References
    ----------
    [Vallot2024]_, [Bolch2009]_, [ICRP70]_
    """
    _check_positive("time-integrated concentration of the marrow volume", voi_tia_mbq_h_per_ml.value)
    _check_positive("density of the marrow volume", density_g_per_ml.value)
    if options.distribution not in DISTRIBUTIONS:
        raise PhysicsError(
            f"'{options.distribution}' is not a distribution of the activity: valid are {', '.join(DISTRIBUTIONS)}.",
            code="marrow-distribution",
        )
    constants = list(options.constants)
    findings = _voi_findings(density_g_per_ml.value, options)
    if options.recovery is None:
        corrected = voi_tia_mbq_h_per_ml.with_contribution(RECOVERY_SOURCE, None)
    else:
        _check_positive("recovery of the marrow volume", options.recovery.value)
        corrected = voi_tia_mbq_h_per_ml / options.recovery
    spongiosa = corrected / density_g_per_ml * _G_PER_KG
    composition = None
    if options.site_fraction is not None:
        if options.distribution != "spongiosa":
            raise PhysicsError(
                "An extrapolation by the share of a site needs no assumption about the distribution: leave out "
                f"'{options.distribution}' or the extrapolation.",
                code="marrow-extrapolation-distribution",
            )
        marrow, used, noticed = _extrapolated(corrected, options.site_fraction, site_volume_ml, marrow_mass_g, sex)
    elif options.distribution == "active-marrow":
        composition, noticed = spongiosa_composition(
            density_g_per_ml=density_g_per_ml,
            cellularity=options.cellularity,
            trabecular_fraction=options.trabecular_fraction,
        )
        red = spongiosa_constant("density_red_marrow", "density of red marrow")
        used = (*composition.constants, red)
        marrow = corrected / composition.active_fraction * (_G_PER_KG / red.value)
    else:
        marrow, used, noticed = spongiosa, (), ()
    constants += used
    findings += noticed
    result = ImageMarrowConcentration(spongiosa, marrow, composition, tuple(dict.fromkeys(constants)))
    return result, tuple(findings)


@dataclass(frozen=True, slots=True, eq=False)
class RestOfBody:
    """Time-integrated activities besides the marrow volume, MBq·h, for the dose from the rest of the body."""

    whole_body_tia_mbq_h: Uncertain | None = None
    organ_tia_mbq_h: Mapping[str, Uncertain] = field(default_factory=dict)


def image_marrow_request(
    concentration: ImageMarrowConcentration,
    *,
    nuclide: Nuclide,
    sex: Sex,
    marrow_mass_g: float | None = None,
    rest: RestOfBody | None = None,
) -> MarrowRequest:
    """Return the request for an entry of ``marrow_methods``.

    Parameters
    ----------
    concentration : ImageMarrowConcentration
        From `marrow_from_image`.
    nuclide : Nuclide
        With the nuclear data chosen.
    sex : {"M", "F"}
        Of the reference adult.
    marrow_mass_g : float, optional
        Of the patient; it cancels in the self dose.
    rest : RestOfBody, optional
        Without the whole body there is no cross dose.

    Raises
    ------
    PhysicsError
        ``marrow-image-alpha`` for a nuclide with alpha particles.

    References
    ----------
    [Hindorf2010]_
    """
    if emitted_energy(nuclide).alpha_kev > 0:
        raise PhysicsError(
            f"There is no dose to red marrow from images of {nuclide.name}: they do not show whether alpha particles "
            "start in marrow or on bone, on which it depends; use blood samples, or a method of your own.",
            code="marrow-image-alpha",
        )
    rest = rest or RestOfBody()
    return MarrowRequest(
        marrow_tia_mbq_h_per_kg=concentration.marrow,
        nuclide=nuclide,
        sex=sex,
        marrow_mass_g=marrow_mass_g,
        whole_body_tia_mbq_h=rest.whole_body_tia_mbq_h,
        organ_tia_mbq_h=rest.organ_tia_mbq_h,
    )


def split_marrow_uptake(
    *, image_tia_mbq_h_per_kg: Uncertain, blood_tia_mbq_h_per_kg: Uncertain
) -> tuple[MarrowSplit, tuple[Finding, ...]]:
    """Split what an image shows in red marrow into the part of the blood and the specific uptake.

    Parameters
    ----------
    image_tia_mbq_h_per_kg : Uncertain
        Time-integrated concentration in red marrow from an image.
    blood_tia_mbq_h_per_kg : Uncertain
        The same from blood: its concentration times the ratio of marrow and blood.

    Returns
    -------
    MarrowSplit
        ``specific = image − blood``; ``total = specific + non_specific``.
    tuple of Finding
        ``marrow-specific-negative`` if the blood explains more than the image shows.

    References
    ----------
    [Hemmingsson2023]_
    """
    specific = image_tia_mbq_h_per_kg - blood_tia_mbq_h_per_kg
    findings: tuple[Finding, ...] = ()
    if specific.value < 0:
        findings = (Finding(
            "marrow-specific-negative", "warning",
            f"The blood accounts for {blood_tia_mbq_h_per_kg.value:.4g} MBq·h/kg in red marrow, more than the image "
            f"shows ({image_tia_mbq_h_per_kg.value:.4g}): there is no specific uptake, or the image misses "
            "activity."),)  # fmt: skip
    return MarrowSplit(specific, blood_tia_mbq_h_per_kg, image_tia_mbq_h_per_kg), findings


def _extrapolated(
    corrected: Uncertain,
    fraction: Uncertain,
    site_volume_ml: Uncertain | None,
    marrow_mass_g: float | None,
    sex: Sex,
) -> tuple[Uncertain, tuple[Constant, ...], tuple[Finding, ...]]:
    if site_volume_ml is None:
        raise PhysicsError(
            "An extrapolation by the share of a site needs the volume of all spongiosa of the site: state it, or leave "
            "out the extrapolation.",
            code="marrow-site-volume",
        )
    _check_positive("volume of the site", site_volume_ml.value)
    used: tuple[Constant, ...] = ()
    if marrow_mass_g is None:
        reference = reference_mass_constant(RED_MARROW, sex)
        marrow_mass_g, used = reference.value, (reference,)
    marrow = corrected * site_volume_ml / fraction * (_G_PER_KG / marrow_mass_g)
    finding = Finding(
        "marrow-extrapolated",
        "warning",
        f"The activity of {site_volume_ml.value:.4g} mL of spongiosa is taken for {fraction.value:.3g} of "
        "that in all red marrow, which nobody verified: compare with the dose without extrapolation.",
    )
    return marrow, used, (finding,)


def _voi_findings(density_g_per_ml: float, options: ImageMarrowOptions) -> list[Finding]:
    findings = []
    if options.recovery is None:
        findings.append(Finding(
            "marrow-recovery-not-applied", "warning",
            "No recovery is applied to the marrow volume: with surroundings of less activity its concentration is too "
            "low."))  # fmt: skip
    data = load_yaml(_DATA)
    low, high = float(data["density_yellow_marrow"]["value"]), float(data["density_bone"]["value"])
    if not low <= density_g_per_ml <= high:
        findings.append(Finding(
            "marrow-density-implausible", "warning",
            f"The density of the marrow volume is {density_g_per_ml:.4g} g/mL, outside {low:g} (yellow marrow) to "
            f"{high:g} (bone): check its unit and the outline."))  # fmt: skip
    return findings


def _check_positive(what: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise PhysicsError(f"A {what} of {value:g} is not possible: it must be positive.", code="marrow-not-positive")


def _stated(name: str, value: float) -> Constant:
    return Constant(name, value, "1", "stated by the user", "stated", "")
