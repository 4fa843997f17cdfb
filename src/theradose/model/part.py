"""The base of everything that a person writes in a file."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StudyPart(BaseModel):
    """Base of all parts of a study: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
