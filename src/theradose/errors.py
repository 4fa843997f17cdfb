"""The exception tree.

Every refusal is one clear sentence: what was given, what is valid, what to do. Each exception also carries
a short machine-readable ``code`` so that tables, JSON and tests can name the refusal without parsing prose.

* TheradoseError
    x StudyError         the study file or its values
      + UnitError        a quantity that cannot be read
    x DicomError         a medical image file, DICOM or other
    x CalibrationError   calibration, recovery, dead time
    x GeometryError      grids, transforms, regions
    x FitError           time-activity curves
    x PhysicsError       nuclides, materials, transport
    x PlanError          treatment planning
    x StatisticsError    statistics of cohorts
    x DatabaseError      the site's database and its tables
"""

from __future__ import annotations


class TheradoseError(Exception):
    """Base of all refusals.

    Parameters
    ----------
    message : str
        One sentence for the user.
    code : str
        Kebab-case identifier of the refusal.
    """

    default_code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class StudyError(TheradoseError):
    """The study file is incomplete, contradictory or cannot be read."""

    default_code = "study"


class UnitError(StudyError, ValueError):
    """A quantity has no unit, an unknown unit or an ambiguous number."""

    default_code = "unit"


class DicomError(TheradoseError):
    """An image or region file is damaged, unsupported or lacks what dosimetry needs."""

    default_code = "dicom"


class CalibrationError(TheradoseError):
    """A calibration, recovery curve or dead time cannot be applied."""

    default_code = "calibration"


class GeometryError(TheradoseError):
    """Grids, transforms or regions do not fit together."""

    default_code = "geometry"


class FitError(TheradoseError):
    """A time-activity curve cannot be fitted as asked."""

    default_code = "fit"


class PhysicsError(TheradoseError):
    """Physical data are missing or a quantity is unphysical."""

    default_code = "physics"


class PlanError(TheradoseError):
    """A treatment plan cannot be computed from what was given."""

    default_code = "plan"


class StatisticsError(TheradoseError):
    """Numbers of a cohort do not determine the statistic that was asked for."""

    default_code = "statistics"


class DatabaseError(TheradoseError):
    """The site's database cannot be opened, or a record cannot go into it."""

    default_code = "database"
