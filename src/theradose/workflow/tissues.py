"""Radiobiological parameters of the regions of a study: stated, or packaged with their sources."""

from __future__ import annotations

from collections.abc import Sequence

from theradose.biology.responses import response_models
from theradose.biology.tissue import Tissue, default_tissue, load_tissue
from theradose.errors import PhysicsError, StudyError
from theradose.model.finding import Finding
from theradose.model.study import RegionBiology
from theradose.nuclides import Constant
from theradose.spatial.naming import pair_of
from theradose.workflow.case import Case


def region_tissues(case: Case, names: Sequence[str]) -> dict[str, Tissue]:
    """Return the radiobiological parameters of the regions that have both α/β and a repair half-life.

    Raises
    ------
    StudyError
        ``biology-incomplete`` where the study states something of a region but not enough, ``biology-unknown`` for a
        set or a model that does not exist.
    """
    tissues = {}
    for name in names:
        stated = stated_biology(case, name)
        tissue = default_tissue(name) if stated is None else _stated_tissue(name, stated)
        if tissue is not None and tissue.complete:
            tissues[name] = tissue
    return tissues


def stated_biology(case: Case, name: str) -> RegionBiology | None:
    """Return what the study states of a region, under its own name or that of the paired organ."""
    stated = case.study.biology.regions
    return next((stated[key] for key in _keys(name) if key in stated), None)


def unused_findings(case: Case, names: Sequence[str]) -> tuple[Finding, ...]:
    """Say which regions of the study's ``biology`` are not among its results."""
    used = {key for name in names for key in _keys(name)}
    return tuple(
        Finding(
            "biology-region-missing",
            "warning",
            f"The study states radiobiology of '{name}', which is no region of this result: it was not used.",
            name,
        )
        for name in case.study.biology.regions
        if name not in used
    )


def _keys(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((name, pair_of(name))))


def _stated_tissue(name: str, stated: RegionBiology) -> Tissue | None:
    try:
        packaged = load_tissue(stated.tissue) if stated.tissue is not None else default_tissue(name)
        for model in stated.models:
            response_models.get(model)
    except PhysicsError as error:
        raise StudyError(f"Under 'biology' of '{name}': {error}", code="biology-unknown") from None
    tissue = (packaged or Tissue(_keys(name)[-1])).with_stated(
        alpha_beta=_constant(stated, f"α/β of {name}", stated.alpha_beta, "Gy", stated.alpha_beta_u),
        repair_half_life=_constant(
            stated, f"repair half-life of {name}", stated.repair_half_life, "h", stated.repair_half_life_u
        ),
        alpha=_constant(stated, f"α of {name}", stated.alpha, "1/Gy"),
    )
    asked = any(
        item is not None for item in (stated.tissue, stated.alpha_beta, stated.repair_half_life, stated.repopulation)
    )
    if asked and not tissue.complete:
        missing = "alpha_beta" if tissue.alpha_beta is None else "repair_half_life"
        raise StudyError(
            f"The radiobiology of '{name}' is stated without '{missing}', and no source gives it: state it under "
            "'biology'.",
            code="biology-incomplete",
        )
    if stated.repopulation is not None and tissue.alpha is None:
        raise StudyError(
            f"Regrowth of '{name}' needs 'alpha', and no source gives it: state for example 'alpha: 0.15 1/Gy' under "
            "'biology'.",
            code="biology-incomplete",
        )
    return tissue


def _constant(
    stated: RegionBiology, what: str, value: float | None, unit: str, relative_u: float | None = None
) -> Constant | None:
    if value is None:
        return None
    source = stated.source or "stated in the study"
    return Constant(what, value, unit, source, "stated", "", None if relative_u is None else relative_u * value)
