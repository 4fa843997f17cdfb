"""The page of a plan: what was asked, what came out, what it rests on, and room for a signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.model.document import Estimate
from theradose.model.finding import Finding, Severity
from theradose.model.limit import Limit
from theradose.model.plan import Plan, PlannedDose
from theradose.numbers import (
    format_estimate,
    format_given,
    format_given_percent,
    format_probability,
    words,
)
from theradose.plan.probability import dose_interval, interval_coverage
from theradose.plan.wording import ends_words, exact_words, interval_words, with_u
from theradose.provenance import package_version
from theradose.report.alike import join_alike
from theradose.report.content import BANNER
from theradose.report.plan_curves import draw_plan_curves
from theradose.report.style import PAGE_WIDTH_IN
from theradose.report.typeset import typeset
from theradose.uncertainty import Uncertain
from theradose.units import MBQ_PER_GBQ

_TEMPLATE = "plan.typ"
_SIGNATURES = ("medical physics expert, name and date", "physician, name and date")
_SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
_QUANTITIES = {"absorbed-dose": "", "BED": "BED", "EQD2": "EQD2"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def write_plan_page(plan: Plan, path: Path, *, created: datetime) -> None:
    """Write a plan as one A4 page: type shrinks and notes become shorter until all fits.

    What then does not fit runs on to a second page; no row of a table is left out.

    Parameters
    ----------
    plan : Plan
        What to print.
    path : Path
        File to write.
    created : datetime
        Date of the document.
    """
    created = created.astimezone(UTC).replace(microsecond=0)
    made = f"{created:%Y-%m-%d %H:%M} UTC"
    content: dict[str, Any] = {
        **page_content(plan),
        "footer": f"theradose {package_version()} · plan {plan.planner} · made {made}",
        "signatures": _SIGNATURES,
        "picture": None,
    }
    picture = draw_plan_curves(plan.curves)
    if picture is not None:
        content["picture"] = {
            "caption": picture.caption,
            "file": f"{picture.name}.svg",
            "share": picture.width_in / PAGE_WIDTH_IN,
        }
    beside = {} if picture is None else {f"{picture.name}.svg": picture.svg}
    path.write_bytes(typeset(_TEMPLATE, content, timestamp=created, beside=beside))


def page_content(plan: Plan) -> dict[str, Any]:
    """Return what the page of a plan shows, as plain text."""
    limits = _lettered(plan.doses)
    return {
        "title": plan.title,
        "subject": plan.subject,
        "summary": plan.summary,
        "statement": BANNER,
        "coverage": format_given_percent(interval_coverage()),
        "result": None if plan.activity_mbq is None else _activity(plan.activity_mbq, plan),
        "level": None if plan.level is None else plan.level.model_dump(),
        "level_in_general": None if plan.level_in_general is None else plan.level_in_general.model_dump(),
        "doses": [_dose_row(dose, limits) for dose in plan.doses],
        "limits": [{"letter": letter, **_limit_note(limit)} for letter, limit in limits.values()],
        "formulas": [asdict(formula) for formula in plan.formulas],
        "constants": [
            {
                "name": constant.name,
                "value": f"{format_given(constant.value)} {'' if constant.unit == '1' else constant.unit}".strip(),
                "source": constant.source,
                "status": constant.status,
            }
            for constant in plan.constants
        ],
        "inputs": [asdict(item) for item in plan.inputs],
        "tables": [asdict(table) for table in plan.tables],
        "findings": _joined(plan.findings),
    }


def _activity(activity_mbq: Uncertain, plan: Plan) -> dict[str, Any]:
    scale, unit = (MBQ_PER_GBQ, "GBq") if activity_mbq.value >= MBQ_PER_GBQ else (1.0, "MBq")
    activity = activity_mbq / scale
    if activity.contributions:
        value, known = with_u(activity), interval_words(activity, unit)
    elif plan.accepted_probability is not None:
        accepted = format_given_percent(plan.accepted_probability)
        value = exact_words(activity.value)
        known = f"chosen so that a limit is exceeded with at most {accepted}"
    else:
        value, known = (
            exact_words(activity.value),
            "uncertainty not stated" if activity.not_stated else "chosen, not estimated",
        )
    return {
        "label": plan.activity_meaning,
        "value": f"{value} {unit}",
        "interval": known,
        "notes": list(plan.activity_notes),
    }


def _lettered(doses: tuple[PlannedDose, ...]) -> dict[str, tuple[str, Limit]]:
    """Return each limit once with the letter of its note."""
    limits = {dose.limit.name: dose.limit for dose in doses if dose.limit is not None}
    return {name: (letter, limit) for letter, (name, limit) in zip(_letters(len(limits)), limits.items(), strict=True)}


def _letters(count: int) -> list[str]:
    return [_LETTERS[number % len(_LETTERS)] * (1 + number // len(_LETTERS)) for number in range(count)]


def _dose_row(dose: PlannedDose, limits: dict[str, tuple[str, Limit]]) -> dict[str, Any]:
    limit = dose.limit
    return {
        "target": words(dose.target),
        "basis": ", ".join(filter(None, (dose.basis, _QUANTITIES[dose.quantity]))),
        "dose": format_estimate(Estimate.of(dose.dose_gy)),
        "interval": ends_words(dose.dose_gy, of_mean=dose.of_mean),
        "limit": "" if limit is None else ("≥ " if limit.kind == "target" else "") + format_given(limit.value_gy),
        "letter": "" if limit is None else limits[limit.name][0],
        "p": "" if limit is None else format_probability(dose.p_exceed),
        "bar": None if limit is None else _bar(dose, limit),
    }


def _bar(dose: PlannedDose, limit: Limit) -> dict[str, Any]:
    """Return dose and interval as parts of the limit, with the tone in which they are drawn."""
    ends = dose_interval(dose)
    low, high = (dose.dose_gy.value, dose.dose_gy.value) if ends is None else ends
    if limit.kind == "target":
        tone = "good" if low >= limit.value_gy else "warning"
    elif dose.dose_gy.value > limit.value_gy:
        tone = "warning" if dose.of_mean else "critical"
    elif ends is None:
        tone = "muted"
    else:
        tone = "good" if high <= limit.value_gy else "warning"
    value, low, high = (gray / limit.value_gy for gray in (dose.dose_gy.value, low, high))
    return {"value": value, "low": low, "high": high, "tone": tone}


def _limit_note(limit: Limit) -> dict[str, str]:
    spread = ""
    if limit.range_gy is not None:
        spread = f" (range {format_given(limit.range_gy[0])} – {format_given(limit.range_gy[1])} Gy)"
    elif limit.u_gy is not None:
        spread = f" ± {format_given(limit.u_gy)} Gy"
    what = " ".join(filter(None, (_QUANTITIES[limit.quantity], limit.kind, "per", limit.span)))
    text = f"{limit.name}: {what}{spread}" + (f"; {limit.condition}" if limit.condition else "")
    return {
        "text": text,
        "origin": "from external beams" if limit.origin == "EBRT" else "",
        "source": limit.source,
        "status": limit.status,
    }


def _joined(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Return the findings by falling severity; those of one code that differ only in their place are one."""
    groups: dict[tuple[Severity, str], list[tuple[str, str]]] = {}
    for severity in _SEVERITIES:
        for finding in findings:
            if finding.severity == severity:
                groups.setdefault((severity, finding.code), []).append((words(finding.where), finding.message))
    return [
        {"severity": severity, "code": words(code), "where": ", ".join(filter(None, alike.places)),
         "message": alike.text + "".join(f" ({values})" for values in filter(None, (", ".join(alike.values),)))}
        for (severity, code), entries in groups.items()
        for alike in join_alike(entries)
    ]  # fmt: skip
