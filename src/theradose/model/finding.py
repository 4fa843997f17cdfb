"""What a step noticed: never printed only, always part of the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the reader of a result must know.

    Attributes
    ----------
    code : str
        Kebab-case identifier, documented in ``docs/formats/findings.md``.
    severity : {"info", "warning", "critical"}
        ``info`` states an inference or assumption; ``warning`` limits the trust in a number; ``critical``
        says that a number is probably wrong.
    message : str
        One sentence with the numbers in it.
    where : str
        Time point, region or file; empty for the whole study.
    """

    code: str
    severity: Severity
    message: str
    where: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the object that every document lists under ``findings``."""
        return {"code": self.code, "severity": self.severity, "message": self.message, "where": self.where}
