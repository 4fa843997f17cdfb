"""Dated files of a validation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def stamped(stem: str, created: datetime, suffix: str) -> str:
    """Return a file name with the moment in it, so that no certificate replaces an earlier one."""
    return f"{stem}-{created.astimezone(UTC):%Y%m%dT%H%M%SZ}{suffix}"


def write_document(document: Mapping[str, Any], path: Path) -> Path:
    """Write a JSON document and return its path."""
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path
