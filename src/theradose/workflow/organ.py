"""Organ doses by S values, and the tables that they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from theradose.acquire.labels import read_label_segmentation
from theradose.dose.energy import emitted_energy
from theradose.dose.engines import Progress, TransportSettings
from theradose.dose.organ_s import OrganDose, OrganDoses, organ_doses
from theradose.dose.patient_s import is_noisy, patient_s_values
from theradose.dose.s_import import prepare_table, region_name
from theradose.dose.svalues import DEFAULT_SEX, Sex, load_organ_factors
from theradose.errors import StudyError
from theradose.formats.s_table import read_s_table
from theradose.formats.s_table_csv import write_s_table
from theradose.formats.s_table_statement import Stated
from theradose.formats.tables_organs import read_organ_activities
from theradose.model.document import pair_document
from theradose.model.finding import Finding
from theradose.model.s_values import SValueTable
from theradose.nuclides import NuclearData, load_nuclide
from theradose.uncertainty import Uncertain
from theradose.workflow.document_parts import budget_document, constant_document
from theradose.workflow.map_files import read_density, read_materials


@dataclass(frozen=True, slots=True)
class OrganOptions:
    """What a user states for organ doses, besides activities.

    Attributes
    ----------
    nuclide : str
        Name of the nuclide.
    nuclear_data : {"ddep", "icrp107"}
        Evaluation of its energies.
    sex : {"M", "F"} or None
        Of the reference adult.
    s_table : Path or None
        The user's own table; the built-in one without it.
    unit, phantom, reference : str or None
        What that table does not say itself.
    mass_g : mapping of str to float
        Masses of the patient by organ, before those of the table of activities.
    s_relative_u : float or None
        Relative standard uncertainty of the S values for this patient.
    """

    nuclide: str
    nuclear_data: NuclearData = "ddep"
    sex: Sex | None = None
    s_table: Path | None = None
    unit: str | None = None
    phantom: str | None = None
    reference: str | None = None
    mass_g: Mapping[str, float] = field(default_factory=dict)
    s_relative_u: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OrganReport:
    """Organ doses with the table and the findings behind them."""

    table: SValueTable
    result: OrganDoses
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the document of ``theradose organ doses --json``."""
        return {
            "nuclide": self.table.nuclide,
            "phantom": self.table.phantom,
            "s_table": table_document(self.table),
            "doses": [_dose_document(dose) for dose in self.result.doses],
            "not_included": [
                {"target": target, "reason": reason} for target, reason in self.result.not_included.items()
            ],
            "constants": [constant_document(constant) for constant in self.result.constants],
            "findings": [finding.to_json() for finding in self.findings],
        }


def organ_report(activities: Path, options: OrganOptions) -> OrganReport:
    """Return organ doses from a table of time-integrated activities.

    Raises
    ------
    StudyError, PhysicsError
        For a table that cannot be read, a nuclide without data, and what the S values cannot tell.
    """
    table, findings = load_table(options)
    given = read_organ_activities(activities)
    masses = _named(given.mass_g) | _named({
        organ: Uncertain(value, not_stated=frozenset({f"mass:{organ}"})) for organ, value in options.mass_g.items()
    })  # fmt: skip
    result, noticed = organ_doses(
        tia_mbq_h=_named(given.tia_mbq_h),
        s_table=table,
        patient_mass_g=masses,
        energy=emitted_energy(load_nuclide(options.nuclide, nuclear_data=options.nuclear_data)),
        s_relative_u=options.s_relative_u,
    )
    return OrganReport(table, result, tuple(dict.fromkeys((*findings, *noticed))))


def load_table(options: OrganOptions) -> tuple[SValueTable, tuple[Finding, ...]]:
    """Return the user's table of S values under the names of this program, or the built-in one.

    Raises
    ------
    StudyError, PhysicsError
        For a file that cannot be read or cannot be right, or a nuclide without built-in S values.
    """
    nuclide = load_nuclide(options.nuclide, nuclear_data=options.nuclear_data)
    if options.s_table is not None:
        stated = Stated(options.nuclide, options.unit, options.phantom, options.reference)
        table = read_s_table(options.s_table, stated=stated)
        return prepare_table(table=table, energy=emitted_energy(nuclide), sex=options.sex)
    findings: tuple[Finding, ...] = ()
    if options.sex is None:
        message = "The sex is not stated; the S values are those of the reference man."
        findings = (Finding("sex-assumed", "info", message),)
    return load_organ_factors(nuclide.name, options.sex or DEFAULT_SEX), findings


def import_table(options: OrganOptions, out: Path) -> tuple[SValueTable, tuple[Finding, ...]]:
    """Write the user's table as one of this program.

    Raises
    ------
    StudyError, PhysicsError
        As :func:`load_table`.
    """
    table, findings = load_table(options)
    write_s_table(table, out)
    return table, findings


def patient_table(
    *,
    density: Path,
    regions: Path,
    labels: Mapping[int, str],
    nuclide: str,
    engine: str,
    out: Path,
    nuclear_data: NuclearData = "ddep",
    materials: Path | None = None,
    material_names: Mapping[int, str] | None = None,
    transport: TransportSettings | None = None,
    every_target: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[SValueTable, tuple[Finding, ...]]:
    """Compute the S values between the regions of a patient, and write them as a table of this program.

    Parameters
    ----------
    density, regions : Path
        NIfTI images on one grid: g/mL, and integers that name regions.
    labels : mapping of int to str
        Name of each region.
    nuclide, nuclear_data : str
        Nuclide and evaluation of its energies.
    engine : str
        Name in the registry ``dose_engines``.
    out : Path
        Table to write.
    materials : Path, optional
        NIfTI image of labels of tissues on the same grid, named by `material_names`.
    material_names : mapping of int to str, optional
        Material of each label.
    transport, every_target, progress
        As :func:`theradose.dose.patient_s.patient_s_values`.

    Raises
    ------
    StudyError, DicomError, PhysicsError
        For images that cannot be read or do not fit, and what the engine refuses.
    """
    # Nothing is computed for hours that cannot be written.
    out.parent.mkdir(parents=True, exist_ok=True)
    segmentation, noticed = read_label_segmentation(regions, labels)
    table, findings = patient_s_values(
        density=read_density(density),
        segmentation=segmentation,
        nuclide=load_nuclide(nuclide, nuclear_data=nuclear_data),
        engine=engine,
        materials=read_materials(materials, material_names or {}),
        transport=transport,
        every_target=every_target,
        progress=progress,
    )
    write_s_table(table, out)
    return table, (*noticed, *findings)


def written_document(table: SValueTable, findings: tuple[Finding, ...], out: Path) -> dict[str, Any]:
    """Return the document of ``theradose organ import --json`` and ``organ s-values --json``."""
    return {
        "nuclide": table.nuclide,
        "phantom": table.phantom,
        "s_table": table_document(table),
        "s_values": [
            {
                "target": target,
                "source": source,
                "s_gy_per_mbq_h": {"value": value.gy_per_mbq_h, "u": value.u_gy_per_mbq_h},
                "noisy": is_noisy(value),
            }
            for (target, source), value in table.values.items()
        ],
        "file": str(out),
        "findings": [finding.to_json() for finding in findings],
    }


def table_document(table: SValueTable) -> dict[str, Any]:
    """Return what a table is, as a document."""
    origin = table.origin
    return {
        "source": origin.source,
        "status": origin.status,
        "edition": origin.edition,
        "file": origin.file or None,
        "sha256": origin.sha256 or None,
        "unit_found": origin.unit,
        "sources": list(table.sources),
        "targets": list(table.targets),
        "mass_g": dict(table.mass_g),
    }


def _named(values: Mapping[str, Uncertain]) -> dict[str, Uncertain]:
    named: dict[str, Uncertain] = {}
    for name, value in values.items():
        known = region_name(name)
        if known in named:
            raise StudyError(f"'{name}' names {known}, which is already given: name each organ once.",
                             code="organ-table-region")  # fmt: skip
        named[known] = value
    return named


def _dose_document(dose: OrganDose) -> dict[str, Any]:
    return {
        "target": dose.target,
        "mass_g": pair_document(dose.mass_g),
        "reference_mass_g": dose.reference_mass_g,
        "dose_gy": pair_document(dose.dose_gy),
        "alpha_gy": None if dose.alpha_gy is None else pair_document(dose.alpha_gy),
        "components_gy": {source: pair_document(part) for source, part in dose.components_gy.items()},
        "budget": budget_document(dose.dose_gy),
        "not_included": [{"source": item.source, "reason": item.reason} for item in dose.not_included],
    }
