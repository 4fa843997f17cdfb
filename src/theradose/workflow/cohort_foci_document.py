"""The document, the tables and the files of an analysis of foci."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from theradose.report.cohort_foci import foci_pages
from theradose.workflow.agreement_parts import interval_document
from theradose.workflow.cohort_foci import FociReport, TreatmentFoci
from theradose.workflow.document_parts import constant_document, finite, origin_document
from theradose.workflow.report_folder import write_report_folder

SAMPLE_COLUMNS = ("treatment", "t_h", "cells", "foci", "foci_per_cell", "blood_dose_mgy", "fitted", "residual")


def foci_document(report: FociReport) -> dict[str, Any]:
    """Return the document described in ``docs/formats/counts.md``."""
    line = report.line
    return {
        "schema": "theradose/foci/1",
        **origin_document(report.files),
        "errors": report.options.errors,
        "treatments": [_treatment(item) for item in report.treatments],
        "line": None
        if line is None
        else {
            "until_h": report.until_h,
            "slope_per_mgy": interval_document(line.slope_per_mgy),
            "p": line.p,
            "background": line.background,
            "dispersion": line.dispersion,
            "degrees_of_freedom": line.degrees_of_freedom,
        },
        "constants": [constant_document(constant) for constant in report.constants],
        "findings": [finding.to_json() for finding in report.findings],
    }


def write_foci(report: FociReport, document: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write ``report.pdf``, ``report.json`` and the table of samples into a folder, and return the files."""
    pages = foci_pages(
        [(item.label, item.samples, item.dose_rate, item.fit) for item in report.treatments],
        report.line,
        report.line_samples,
        until_h=report.until_h,
        constants=report.constants,
        findings=report.findings,
        source=report.options.foci.name,
    )
    rows = [(item["treatment"], *sample.values()) for item in document["treatments"] for sample in item["samples"]]
    return write_report_folder(
        folder,
        pages=pages,
        document=document,
        tables={"samples": (SAMPLE_COLUMNS, rows)},
        created=datetime.now(UTC),
    )


def _treatment(item: TreatmentFoci) -> dict[str, Any]:
    fit = item.fit
    return {
        "treatment": item.label,
        "samples": [
            {
                "t_h": sample.t_h,
                "cells": sample.cells,
                "foci": sample.foci,
                "foci_per_cell": sample.foci / sample.cells,
                "blood_dose_mgy": dose,
                "fitted": None if fit is None else float(fit.fitted[k]),
                "residual": None if fit is None else float(fit.residuals[k]),
            }
            for k, (sample, dose) in enumerate(zip(item.samples, item.dose_mgy, strict=True))
        ],
        "fit": None
        if fit is None
        else {
            "background": interval_document(fit.background),
            "induction_per_mgy": interval_document(fit.induction_per_mgy),
            "repair_per_h": interval_document(fit.repair_per_h),
            "repair_half_life_h": interval_document(fit.repair_half_life_h),
            "unrepaired": interval_document(fit.unrepaired),
            "dispersion": finite(fit.dispersion),
            "deviance": fit.deviance,
            "degrees_of_freedom": fit.degrees_of_freedom,
        },
    }
