"""Pseudonyms of patients and runs, and moved dates, from a secret that never leaves the site.

A keyed hash gives one patient the same pseudonym in every cycle, and nobody without the key can find it by trying ids.
All times of a patient are moved by the same number of whole days, so that intervals and the time of day stay, as in
DICOM PS3.15, Retain Longitudinal Temporal Information With Modified Dates.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from theradose.errors import DatabaseError

_BYTES = 32
_PSEUDONYM_BYTES = 10
_MARK_DIGITS = 12


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A key; it has no printed form."""

    key: bytes

    @property
    def mark(self) -> str:
        """What tells two secrets apart and says nothing of the key."""
        return f"pseudonyms-{self._digest('mark').hex()[:_MARK_DIGITS]}"

    def pseudonym(self, kind: str, text: str) -> str:
        """Return the pseudonym of a patient or run: ``P-`` or ``R-`` and 16 letters and digits."""
        digest = self._digest(f"{kind}\0{text}")[:_PSEUDONYM_BYTES]
        return f"{kind[0].upper()}-{base64.b32encode(digest).decode()}"

    def moved(self, patient: str, moment: datetime, *, most_days: int) -> datetime:
        """Return a time moved back by 1 to `most_days` days, the same for all times of the patient."""
        days = 1 + int.from_bytes(self._digest(f"days\0{patient}")[:8]) % most_days
        return moment - timedelta(days=days)

    def _digest(self, text: str) -> bytes:
        return hmac.new(self.key, text.encode(), hashlib.sha256).digest()


def read_secret(path: Path) -> Secret:
    """Read a secret.

    Raises
    ------
    DatabaseError
        ``secret-missing``, ``secret-invalid``.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
        key = bytes.fromhex(text)
    except OSError:
        raise DatabaseError(
            f"There is no secret '{path}', and without it no pseudonym can be made: put it back beside the database, "
            "or name it with --secret.",
            code="secret-missing",
        ) from None
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise DatabaseError(f"'{path}' is no secret: it must hold {2 * _BYTES} hexadecimal digits.",
                            code="secret-invalid")  # fmt: skip
    return Secret(key)


def make_secret(path: Path) -> Secret:
    """Return the secret of a file, which is made if it does not exist, for its owner alone.

    Of several processes that make it at the same time, all get the one that was first.

    Raises
    ------
    DatabaseError
        As :func:`read_secret`.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as stream:
                stream.write(secrets.token_hex(_BYTES) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
        finally:
            Path(name).unlink()
    return read_secret(path)
