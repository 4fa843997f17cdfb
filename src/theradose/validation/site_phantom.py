"""The file in which a department describes its phantom (``docs/formats/validation.md``)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from theradose.data import load_yaml
from theradose.errors import PhysicsError, StudyError
from theradose.model.study import (
    ActivityMBq,
    CameraCalibration,
    Declaration,
    DensityGPerMl,
    Fraction,
    LengthMm,
    PointMm,
    StudyPart,
)
from theradose.nuclides import canonical_nuclide
from theradose.spatial.naming import canonical_region
from theradose.units import parse_quantity
from theradose.workflow.input_file import InputKind, read_input

CONVENTIONS = "site_validation.yaml"


VolumeMl = Annotated[float, BeforeValidator(lambda value: parse_quantity(value, "mL")), Field(gt=0)]


class Tolerances(StudyPart):
    """Largest relative deviations that pass; what is ``null`` is the packaged one."""

    total_activity: Fraction | None = None
    activity: Fraction | None = None
    volume: Fraction | None = None
    concentration: Fraction | None = None
    dose: Fraction | None = None


class Filling(StudyPart):
    """An activity as the activity meter read it, with its relative standard uncertainty."""

    activity: ActivityMBq
    u: Fraction | None = None
    assayed_at: datetime | None = None


class Outline(StudyPart):
    """How an insert is outlined: by one of the segmenters, at a place in LPS mm."""

    method: str
    seed_mm: PointMm | None = None
    box_mm: tuple[PointMm, PointMm] | None = None
    radius: LengthMm | None = None
    fraction: Fraction | None = None


class Insert(Filling):
    """A compartment of known content; without `outline` it is a region of ``image.regions``."""

    name: str
    volume: VolumeMl = Field(description="state the true volume, as '26.5 mL'")
    u_volume: Fraction | None = None
    outline: Outline | None = None
    tolerances: Tolerances = Tolerances()

    @property
    def region(self) -> str:
        """Name of the region in a result."""
        return canonical_region(self.name).name


class PhantomImage(StudyPart):
    """Where the images are, relative to the phantom file."""

    activity: str
    ct: str | None = None
    regions: str | None = None
    declare: Declaration = Declaration()


class SitePhantom(StudyPart):
    """A phantom of known content and its images (schema version 1)."""

    schema_version: Literal[1]
    phantom: str = Field(description="give the phantom a name")
    performed_by: str | None = None
    timezone: str | None = None
    nuclide: str = Field(description="state the nuclide, as 'Lu-177'")
    reference_time: datetime = Field(
        description="state the date and time to which activities refer, before the image was acquired"
    )
    density: DensityGPerMl = Field(description="state the density of the filling, as '1.0 g/mL'")
    inserts: tuple[Insert, ...] = Field(min_length=1, description="list the inserts with activity, volume and outline")
    background: Filling | None = Field(description="state what is filled in around the inserts, or null if nothing is")
    image: PhantomImage = Field(description="name the folder of the SPECT, as 'image: {activity: dicom/spect}'")
    calibration: CameraCalibration | None = None
    measurement_u: Fraction | None = None
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    tolerances: Tolerances = Tolerances()

    @field_validator("nuclide")
    @classmethod
    def _known_nuclide(cls, nuclide: str) -> str:
        try:
            return canonical_nuclide(nuclide)
        except PhysicsError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _distinct_and_outlined(self) -> SitePhantom:
        names = [insert.region for insert in self.inserts]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the names of inserts must differ, but '{', '.join(twice)}' occurs more than once")
        for insert in self.inserts:
            if insert.outline is None and self.image.regions is None:
                raise ValueError(
                    f"the insert '{insert.name}' has no outline: add 'outline: {{method: sphere, seed_mm: [x, y, "
                    "z]}', or name an RTSTRUCT or SEG with 'image: {regions: …}'"
                )
        return self

    def tolerance(self, quantity: str, insert: Insert | None = None) -> float:
        """Return the tolerance of a quantity: the insert's, else the phantom's, else the packaged one."""
        own = None if insert is None else getattr(insert.tolerances, quantity)
        stated = getattr(self.tolerances, quantity) if own is None else own
        return float(load_yaml(CONVENTIONS)["tolerances"][quantity]["value"]) if stated is None else float(stated)


_KIND = InputKind(
    "phantom",
    SitePhantom,
    StudyError,
    missing="give the path of a YAML file",
    begins="it must start with 'schema_version: 1'",
)


def read_phantom(path: Path) -> SitePhantom:
    """Read and check a phantom file.

    Raises
    ------
    StudyError
        One sentence for the first problem: no such file, not YAML, a key that is missing or unknown, a value that
        cannot be read.
    """
    return read_input(path, _KIND)
