"""The registry of response models: what a dose and its distribution say about an effect.

Every model gets the same request and answers with a number, or with the reason why it does not hold. None is applied
where its source does not say that it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from theradose.biology.eud import eud_gy, geud_gy
from theradose.biology.ntcp import lyman_ntcp
from theradose.biology.parameters import (
    ParameterSet,
    packaged_parameters,
    parameters_of_region,
    stated_parameters,
)
from theradose.biology.tcp import logistic_tcp, poisson_tcp
from theradose.biology.tissue import EBRT, Tissue, ebrt_finding
from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.registry import Registry
from theradose.uncertainty import Uncertain

_STATED = "stated"


@dataclass(frozen=True, slots=True)
class LesionFacts:
    """What is known of a tumour beside its dose; ``None`` is not stated."""

    tumour: str | None = None
    grade: int | None = None
    skeletal: bool | None = None
    progressing: bool | None = None
    volume_ml: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DoseDistribution:
    """Doses of the voxels of a region, Gy, with their volumes, mL.

    Biologically effective doses, where they are known, have volumes of their own, because they may be sorted otherwise.
    """

    dose_gy: Array
    volume_ml: Array
    effective: tuple[Array, Array] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ResponseRequest:
    """What every response model gets.

    Attributes
    ----------
    region : str
        Name of the region.
    dose_gy : Uncertain
        Mean absorbed dose.
    all_cycles : bool
        Whether that is the dose over all cycles of the treatment.
    distribution : DoseDistribution or None
        Of the voxels.
    tissue : Tissue or None
        Radiobiological parameters.
    lesion : LesionFacts
        For models of tumours.
    stated : mapping of str to float
        Parameters of the model that the user states, under the names that the model has in its data.
    """

    region: str
    dose_gy: Uncertain
    all_cycles: bool = False
    distribution: DoseDistribution | None = None
    tissue: Tissue | None = None
    lesion: LesionFacts = LesionFacts()
    stated: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What a model says.

    Attributes
    ----------
    quantity, unit : str
        What the value is.
    value : float or None
        ``None`` where the model does not hold.
    interval : tuple of float or None
        95 % interval, where the parameters have uncertainties.
    reason : str or None
        Why there is no value.
    parameters : ParameterSet or None
        What was used.
    findings : tuple of Finding
        What the reader must know.
    """

    quantity: str
    unit: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    reason: str | None = None
    parameters: ParameterSet | None = None
    findings: tuple[Finding, ...] = ()


ResponseModel = Callable[[ResponseRequest], Response]
response_models: Registry[ResponseModel] = Registry("response_models", error=PhysicsError)
"""Every response model by name."""


@response_models.register(
    "eud", summary="uniform dose with the same mean survival, from alpha", citation="Niemierko1997"
)
def _eud(request: ResponseRequest) -> Response:
    alpha = request.stated.get("alpha_per_gy") or _alpha(request.tissue)
    if request.distribution is None or alpha is None:
        return _missing("equivalent uniform dose", "Gy", "needs a dose map and alpha (alpha_per_gy)")
    value = eud_gy(
        dose_gy=request.distribution.dose_gy, volume=request.distribution.volume_ml, alpha_per_gy=alpha
    )  # fmt: skip
    used = _parameters_of_tissue(request, {"alpha_per_gy": alpha})
    return Response("equivalent uniform dose", "Gy", value, parameters=used)


@response_models.register(
    "geud", summary="power mean of the dose-volume histogram, from the volume effect n", citation="Niemierko1997"
)
def _geud(request: ResponseRequest) -> Response:
    quantity = "generalised equivalent uniform dose"
    used = _parameters("ntcp", request, needed=("n",))
    if request.distribution is None or used is None:
        return _missing(quantity, "Gy", "needs a dose map and the volume effect (n)")
    return Response(quantity, "Gy", _power_mean(request.distribution, used), parameters=used,
                    findings=_caution(request, used))  # fmt: skip


@response_models.register(
    "ntcp-lyman", summary="complication probability of Lyman, from TD50, m and n", citation="Lyman1985"
)
def _ntcp_lyman(request: ResponseRequest) -> Response:
    quantity = "complication probability"
    used = _parameters("ntcp", request, needed=("td50_gy", "m", "n"))
    if request.distribution is None or used is None:
        return _missing(quantity, "1", "needs a dose map and its parameters (td50_gy, m, n)")
    if not request.all_cycles:
        return _missing(quantity, "1", _ONE_CYCLE)
    value = lyman_ntcp(
        geud_gy=_power_mean(request.distribution, used), td50_gy=used.values["td50_gy"], m=used.values["m"]
    )
    return Response(quantity, "1", value, parameters=used, findings=_caution(request, used))


@response_models.register(
    "tcp-logistic", summary="response of neuroendocrine tumours of grade 2 to 177Lu-DOTATATE", citation="Warfvinge2024"
)
def _tcp_logistic(request: ResponseRequest) -> Response:
    used = packaged_parameters("tcp", "net-g2")
    reasons = _outside_net_g2(request, used)
    if reasons:
        return _missing("response probability", "1", f"not applicable: {', '.join(reasons)}")
    probability = logistic_tcp(dose_gy=request.dose_gy, parameters=used)
    return Response("response probability", "1", probability.value, probability.interval, parameters=used)


@response_models.register(
    "tcp-poisson",
    summary="probability that no clonogen survives, from alpha and their density",
    citation="WebbNahum1993",
)
def _tcp_poisson(request: ResponseRequest) -> Response:
    quantity = "control probability"
    alpha, density = (
        request.stated.get("alpha_per_gy") or _alpha(request.tissue),
        request.stated.get("clonogens_per_ml"),
    )
    distribution = request.distribution
    if distribution is None or distribution.effective is None or alpha is None or density is None:
        needed = "needs a map of biologically effective dose, alpha (alpha_per_gy) and the density of clonogens"
        return _missing(quantity, "1", f"{needed} (clonogens_per_ml)")
    if not request.all_cycles:
        return _missing(quantity, "1", _ONE_CYCLE)
    bed_gy, volume_ml = distribution.effective
    value = poisson_tcp(bed_gy=bed_gy, volume_ml=volume_ml, alpha_per_gy=alpha, clonogens_per_ml=density)
    used = _parameters_of_tissue(request, {"alpha_per_gy": alpha, "clonogens_per_ml": density})
    return Response(quantity, "1", value, parameters=used)


_ONE_CYCLE = "not applicable: the dose is not that of all cycles"


def _outside_net_g2(request: ResponseRequest, used: ParameterSet) -> list[str]:
    """Return why the curve of neuroendocrine tumours does not hold, as its source restricts it."""
    lesion, limits = request.lesion, used.values
    conditions = (
        ("the tumour is not stated to be neuroendocrine (tumour: net)", lesion.tumour == "net"),
        (f"the grade is not stated to be {limits['grade']:g}", lesion.grade == limits["grade"]),
        ("the lesion is not stated to be outside the skeleton", lesion.skeletal is False),
        ("the lesion is not stated to be free of progression", lesion.progressing is False),
        (
            f"the volume is not known to be {limits['minimum_volume_ml']:g} mL or more",
            lesion.volume_ml is not None and lesion.volume_ml >= limits["minimum_volume_ml"],
        ),
        ("the dose is not that of all cycles", request.all_cycles),
    )
    return [reason for reason, holds in conditions if not holds]


def _power_mean(distribution: DoseDistribution, used: ParameterSet) -> float:
    return geud_gy(dose_gy=distribution.dose_gy, volume=distribution.volume_ml, n=used.values["n"])


def _parameters(group: str, request: ResponseRequest, *, needed: tuple[str, ...]) -> ParameterSet | None:
    """Return what the user states before what is packaged for the region, whose origin a mixture of both keeps."""
    packaged = parameters_of_region(group, request.region)
    if not any(name in request.stated for name in needed):
        return packaged
    values = {**({} if packaged is None else packaged.values), **request.stated}
    if any(name not in values for name in needed):
        return None
    stated = stated_parameters(_STATED, {name: values[name] for name in needed})
    if packaged is None or all(name in request.stated for name in needed):
        return stated
    return replace(stated, source=f"stated by the user; the rest: {packaged.source}", origin=packaged.origin)


def _parameters_of_tissue(request: ResponseRequest, values: Mapping[str, float]) -> ParameterSet:
    """Return values as stated by the user, or as of the tissue where alpha comes from there alone."""
    constant = None if request.tissue is None else request.tissue.alpha
    if constant is None or set(values) & set(request.stated):
        return stated_parameters(_STATED, values)
    return ParameterSet(constant.name, values, constant.source, constant.status, constant.edition)


def _alpha(tissue: Tissue | None) -> float | None:
    return None if tissue is None or tissue.alpha is None else tissue.alpha.value


def _caution(request: ResponseRequest, used: ParameterSet) -> tuple[Finding, ...]:
    if used.origin != EBRT:
        return ()
    return (ebrt_finding(f"The set of parameters '{used.name}'", request.region),)


def _missing(quantity: str, unit: str, reason: str) -> Response:
    return Response(quantity, unit, reason=reason)
