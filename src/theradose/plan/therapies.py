"""The packaged therapies: what is given, at which level of Article 56, with which label.

References
----------
[Konijnenberg2021]_ Levels of Article 56 by therapy.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import AfterValidator

from theradose.data import load_yaml
from theradose.errors import StudyError
from theradose.model.protocol import Therapy


@cache
def load_therapies() -> dict[str, Therapy]:
    """Return the packaged therapies by name.

    References
    ----------
    [Konijnenberg2021]_
    """
    return {name: Therapy.model_validate(entry) for name, entry in load_yaml("therapies.yaml").items()}


def require_therapy(name: str) -> Therapy:
    """Return a therapy, or refuse with the valid names.

    Raises
    ------
    StudyError
        ``unknown-therapy``.

    References
    ----------
    [Konijnenberg2021]_
    """
    known = load_therapies()
    if name not in known:
        raise StudyError(f"There is no therapy '{name}': valid names are {', '.join(known)}.", code="unknown-therapy")
    return known[name]


def _known(name: str) -> str:
    try:
        require_therapy(name)
    except StudyError as error:
        raise ValueError(str(error)) from None
    return name


TherapyName = Annotated[str, AfterValidator(_known)]
"""Name of a packaged therapy in an input."""
