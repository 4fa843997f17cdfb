"""Agreement of methods from their sources to a document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from theradose.cohort.agreement import Compared, Method, Unpaired, agreement_findings, check_method, compare_methods
from theradose.errors import StatisticsError, StudyError
from theradose.model.agreement_mapping import UNITS_OF_QUANTITIES, AgreementMapping
from theradose.model.finding import Finding
from theradose.provenance import hash_file, software_versions
from theradose.report.cohort_agreement import agreement_pages
from theradose.report.tables import Value
from theradose.store.pseudonyms import read_secret
from theradose.workflow.agreement_parts import bland_altman_document, correlation_document, interval_document
from theradose.workflow.cohort_sources import is_foreign, measured_regions_of, read_mapping
from theradose.workflow.document_parts import finite
from theradose.workflow.report_folder import Table, write_report_folder

_USUAL = ("dose_gy", "dose_per_activity_gy_gbq")
_INTERVALS = ("bias", "lower", "upper")
PAIR_COLUMNS = ("quantity", "organ", "first", "second", "patient", "cycle", "region", "value_first", "value_second")
AGREEMENT_COLUMNS = (
    "quantity", "organ", "first", "second", "pairs", "patients", "median_first", "min_first", "max_first",
    "median_second", "min_second", "max_second", "ratio_of_medians", "unit", "sd", "sd_within",
    *(f"{name}{end}" for name in _INTERVALS for end in ("", "_low", "_high")), "concordance", "concordance_low",
    "concordance_high", "pearson", "pearson_p", "spearman", "spearman_p",
)  # fmt: skip
UNPAIRED_COLUMNS = ("method", "other", "patient", "cycle", "region", "reason")


@dataclass(frozen=True, slots=True, eq=False)
class AgreementReport:
    """A comparison of methods with everything that is printed of it."""

    methods: tuple[Method, ...]
    sources: tuple[str, ...]
    quantities: tuple[str, ...]
    level: float
    compared: tuple[Compared, ...]
    unpaired: tuple[Unpaired, ...]
    findings: tuple[Finding, ...]


def agreement_of_sources(
    sources: Sequence[str],
    *,
    mappings: Sequence[Path] = (),
    secret: Path | None = None,
    quantities: Sequence[str] = (),
    level: float = 0.95,
) -> AgreementReport:
    """Compare the methods of several sources.

    Parameters
    ----------
    sources : sequence of str
        Folders of results, databases, exported tables, or tables of other programs.
    mappings : sequence of Path
        Of the tables of other programs: one for all, or one for each in their order.
    secret : Path, optional
        Of the pseudonyms that databases and their tables have; it turns the ids of the other sources into them.
    quantities : sequence of str
        What is compared; the dose, or the first that all have, without it.
    level : float
        Of the confidence intervals.

    Raises
    ------
    TheradoseError
        For a source or mapping that cannot be read, and ``nothing-in-common``.
    """
    key = None if secret is None else read_secret(secret)
    methods: list[Method] = []
    for source, mapping in zip(sources, _mapped(sources, mappings), strict=True):
        rows = measured_regions_of(source, mapping=mapping, secret=key)
        name = mapping.name if mapping is not None and mapping.name else Path(source).stem or source
        methods.append(check_method(Method(_unused(name, methods), rows)))
    chosen = tuple(quantities) or _usual_quantity(methods)
    compared, unpaired = compare_methods(methods, quantities=chosen, level=level)
    if not compared:
        raise StudyError(
            f"No row of {' and '.join(method.name for method in methods)} has the same patient, cycle and region: map "
            "the names with 'patients' and 'regions' of a mapping, and give --secret where one side has pseudonyms.",
            code="nothing-in-common",
        )
    findings = agreement_findings(compared, unpaired)
    return AgreementReport(tuple(methods), tuple(sources), chosen, level, compared, unpaired, findings)


def agreement_document(report: AgreementReport) -> dict[str, Any]:
    """Return the document described in ``docs/formats/database.md``."""
    return {
        "schema": "theradose/agreement/1",
        "software": software_versions(),
        "methods": [
            {"name": method.name, "source": source, "sha256": _hash(source), "rows": len(method.rows)}
            for method, source in zip(report.methods, report.sources, strict=True)
        ],
        "quantities": {quantity: UNITS_OF_QUANTITIES[quantity] for quantity in report.quantities},
        "level": report.level,
        "comparisons": [_comparison(item) for item in report.compared],
        "unpaired": [{name: getattr(item, name) for name in UNPAIRED_COLUMNS} for item in report.unpaired],
        "findings": [finding.to_json() for finding in report.findings],
    }


def write_agreement(report: AgreementReport, document: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write ``report.pdf``, ``report.json`` and the tables into a folder, and return the files."""
    places = [
        (method.name, source, len(method.rows)) for method, source in zip(report.methods, report.sources, strict=True)
    ]
    tables: dict[str, Table] = {
        "pairs": (PAIR_COLUMNS, [row for item in report.compared for row in _pair_rows(item)]),
        "agreement": (AGREEMENT_COLUMNS, [row for item in report.compared for row in _rows(item)]),
        "unpaired": (UNPAIRED_COLUMNS, [[getattr(x, name) for name in UNPAIRED_COLUMNS] for x in report.unpaired]),
    }
    return write_report_folder(
        folder,
        pages=agreement_pages(report.compared, report.unpaired, report.findings, sources=places, level=report.level),
        document=document,
        tables=tables,
        created=datetime.now(UTC),
    )


def distribution(values: np.ndarray) -> dict[str, float]:
    """Return median and range."""
    return {"median": float(np.median(values)), "min": float(values.min()), "max": float(values.max())}


def _mapped(sources: Sequence[str], mappings: Sequence[Path]) -> list[AgreementMapping | None]:
    foreign = [source for source in sources if is_foreign(source)]
    if len(mappings) not in (len(foreign), 1 if foreign else 0):
        raise StudyError(
            f"{len(foreign)} tables are of other programs ({', '.join(foreign) or 'none'}) and {len(mappings)} "
            "mappings are given: give --mapping once for all of them, or once for each in their order.",
            code="mapping-count",
        )
    read = [read_mapping(path) for path in mappings]
    left = iter(read if len(read) == len(foreign) else read * len(foreign))
    return [next(left) if source in foreign else None for source in sources]


def _unused(name: str, methods: Sequence[Method]) -> str:
    taken = {method.name for method in methods}
    return next(
        candidate for k in range(1, len(taken) + 2) if (candidate := name if k == 1 else f"{name} {k}") not in taken
    )


def _usual_quantity(methods: Sequence[Method]) -> tuple[str, ...]:
    shared = [name for name in UNITS_OF_QUANTITIES if all(name in method.quantities() for method in methods)]
    if not shared:
        raise StatisticsError(
            "The sources have no quantity in common: map the same quantity in all of them.", code="nothing-in-common"
        )
    return (next((name for name in _USUAL if name in shared), shared[0]),)


def _hash(source: str) -> str | None:
    path = Path(source)
    return hash_file(path) if path.is_file() else None


def _comparison(item: Compared) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "unit": UNITS_OF_QUANTITIES[item.quantity],
        "organ": item.organ,
        "first": item.first,
        "second": item.second,
        "pairs": len(item.keys),
        "patients": item.patients,
        "of_first": distribution(item.values[0]),
        "of_second": distribution(item.values[1]),
        "ratio_of_medians": finite(item.ratio_of_medians),
        "absolute": None if item.absolute is None else bland_altman_document(item.absolute),
        "relative_percent": None if item.relative is None else bland_altman_document(item.relative),
        "concordance": None if item.concordance is None else interval_document(item.concordance),
        "pearson": None if item.pearson is None else correlation_document(item.pearson),
        "spearman": None if item.spearman is None else correlation_document(item.spearman),
    }


def _pair_rows(item: Compared) -> list[Sequence[Value]]:
    names = item.quantity, item.organ, item.first, item.second
    return [(*names, *key, *pair) for key, pair in zip(item.keys, item.values.T.tolist(), strict=True)]


def _rows(item: Compared) -> list[Sequence[Value]]:
    sides = [distribution(side) for side in item.values]
    head = (
        item.quantity, item.organ, item.first, item.second, len(item.keys), item.patients,
        *(side[name] for side in sides for name in ("median", "min", "max")), finite(item.ratio_of_medians),
    )  # fmt: skip
    rows: list[Sequence[Value]] = []
    for unit, one in ((UNITS_OF_QUANTITIES[item.quantity], item.absolute), ("%", item.relative)):
        if one is None:
            continue
        ends = [value for name in _INTERVALS for value in interval_document(getattr(one, name)).values()]
        lin = item.concordance
        tail = (
            *((None, None, None) if lin is None else (lin.value, lin.low, lin.high)),
            *(
                number
                for c in (item.pearson, item.spearman)
                for number in ((None, None) if c is None else (c.value, c.p))
            ),
        )
        rows.append((*head, unit, one.sd, finite(one.sd_within), *ends, *tail))
    return rows or [(*head, UNITS_OF_QUANTITIES[item.quantity], *[None] * (len(AGREEMENT_COLUMNS) - len(head) - 1))]
