"""Setting a page by typst: a template of the package, and data that it only shows as text."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

_SHARED = "house.typ"
_FOREIGN_SCRIPT = re.compile(r"[\u0600-\u1dff\u2e80-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]")
"""Scripts beyond the Latin, Greek, Cyrillic and Hebrew of the embedded fonts."""


def typeset(
    template: str, content: Mapping[str, Any], *, timestamp: datetime, beside: Mapping[str, bytes] | None = None
) -> bytes:
    """Return a PDF.

    Parameters
    ----------
    template : str
        File in ``report/templates``, which reads ``content.json``.
    content : mapping
        JSON-compatible values.
    timestamp : datetime
        Date of the document, so that the same content gives the same file.
    beside : mapping of str to bytes, optional
        Further files that the template names.
    """
    import typst

    text = json.dumps(content, ensure_ascii=False)
    with tempfile.TemporaryDirectory(prefix="theradose-") as folder:
        root = Path(folder)
        (root / "content.json").write_text(text, encoding="utf-8")
        for name, data in (beside or {}).items():
            (root / name).write_bytes(data)
        for part in (template, _SHARED):
            source = files("theradose.report").joinpath("templates", part).read_text(encoding="utf-8")
            (root / part).write_text(source, encoding="utf-8")
        document: bytes = typst.compile(
            root / template,
            root=root,
            format="pdf",
            # Fonts of the machine are used only for scripts that the embedded ones lack.
            ignore_system_fonts=_FOREIGN_SCRIPT.search(text) is None,
            package_path=root,
            package_cache_path=root,
            timestamp=timestamp,
        )
    return document
