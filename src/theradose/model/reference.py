"""Published doses of a cohort, as their sources print them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from theradose.model.protocol import Status
from theradose.model.study import StudyPart

ReferenceMethod = Literal["image", "monte-carlo", "blood", "blood-and-image", "not-stated"]
"""What the activity was taken from; ``monte-carlo`` is from images, with transport in the patient or a phantom."""


class ReferenceDose(StudyPart):
    """A row of the reference table.

    Attributes
    ----------
    therapy, organ, agent : str
        Key of ``therapies.yaml``, canonical region or ``lesion``, what was given.
    method : str
        What the activity was taken from.
    detail, note, subgroup : str
        How, what to know, and which patients if they are no sample of all.
    per : {"GBq", "cycle", "course"}
        What the numbers are for.
    activity_gbq : float or None
        Activity of that cycle or course.
    mean, sd, median : float or None
        In Gy, or Gy/GBq for `per` ``GBq``.
    range : tuple of float or None
        Lowest and highest value.
    n : int or None
        Number of what `counted` names.
    same_patients : bool
        Whether another row already counts these patients.
    source, status, edition : str
        As for every number.
    """

    therapy: str
    organ: str
    agent: str
    method: ReferenceMethod
    detail: str = ""
    note: str = ""
    subgroup: str = ""
    per: Literal["GBq", "cycle", "course"]
    activity_gbq: float | None = Field(default=None, gt=0)
    mean: float | None = Field(default=None, gt=0)
    sd: float | None = Field(default=None, gt=0)
    median: float | None = Field(default=None, gt=0)
    range: tuple[float, float] | None = None
    n: int | None = Field(default=None, gt=0)
    counted: Literal["patients", "cycles", "lesions"] | None = None
    same_patients: bool = False
    source: str
    status: Status
    edition: str

    @property
    def per_gbq(self) -> float | None:
        """Factor to Gy/GBq; ``None`` if the activity is not known."""
        if self.per == "GBq":
            return 1.0
        return None if self.activity_gbq is None else 1 / self.activity_gbq
