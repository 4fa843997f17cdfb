"""Model types to files and back, without pickle.

A value of nested dataclasses, containers, arrays and plain values becomes one JSON document and one ``.npz`` of its
arrays. Reading builds only types of ``theradose.model`` and :class:`~theradose.uncertainty.Uncertain`; nothing in a
file can name another.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

_ALLOWED_MODULES = ("theradose.model.", "theradose.uncertainty", "theradose.quantify.", "theradose.spatial.")
_DOCUMENT = "value.json"
_ARRAYS = "arrays.npz"


def write_value(value: Any, folder: Path) -> None:
    """Write `value` into `folder`, which must exist."""
    arrays: list[np.ndarray[Any, Any]] = []
    document = _encode(value, arrays)
    (folder / _DOCUMENT).write_text(json.dumps(document), encoding="utf-8")
    with (folder / _ARRAYS).open("wb") as binary:
        np.savez(binary, *arrays)


def read_value(folder: Path) -> Any:
    """Read what :func:`write_value` wrote."""
    document = json.loads((folder / _DOCUMENT).read_text(encoding="utf-8"))
    with (folder / _ARRAYS).open("rb") as binary, np.load(binary, allow_pickle=False) as stored:
        arrays = [stored[f"arr_{i}"] for i in range(len(stored.files))]
    return _decode(document, arrays)


def _encode(value: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if value is None or isinstance(value, (bool, int)) or type(value) is str:
        return value
    if isinstance(value, Enum):
        return {"$": "enum", "type": _type_name(type(value)), "value": value.value}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$": "float", "value": repr(value)}
    if isinstance(value, np.generic):
        return _encode(value.item(), arrays)
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"$": "array", "index": len(arrays) - 1}
    if isinstance(value, datetime):
        return {"$": "datetime", "value": value.isoformat()}
    if isinstance(value, (tuple, list)):
        return {"$": type(value).__name__, "items": [_encode(item, arrays) for item in value]}
    if isinstance(value, frozenset):
        return {"$": "frozenset", "items": [_encode(item, arrays) for item in sorted(value)]}
    if isinstance(value, Mapping):
        return {"$": "dict", "items": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _encode(getattr(value, f.name), arrays) for f in dataclasses.fields(value) if f.init}
        return {"$": "dataclass", "type": _type_name(type(value)), "fields": fields}
    raise TypeError(f"cannot store a value of type {type(value).__name__}")


def _decode(document: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if not isinstance(document, dict):
        return document
    kind = document["$"]
    if kind == "array":
        array = arrays[document["index"]]
        array.flags.writeable = False
        return array
    if kind == "float":
        return float(document["value"])
    if kind == "datetime":
        return datetime.fromisoformat(document["value"])
    if kind == "dict":
        return {_decode(k, arrays): _decode(v, arrays) for k, v in document["items"]}
    if kind in ("tuple", "list", "frozenset"):
        items = [_decode(item, arrays) for item in document["items"]]
        return {"tuple": tuple, "list": list, "frozenset": frozenset}[kind](items)
    cls = _resolve(document["type"])
    if kind == "enum":
        return cls(document["value"])
    return cls(**{name: _decode(field, arrays) for name, field in document["fields"].items()})


def _type_name(cls: type) -> str:
    name = f"{cls.__module__}:{cls.__qualname__}"
    if not cls.__module__.startswith(_ALLOWED_MODULES):
        raise TypeError(f"cannot store a value of type {name}")
    return name


def _resolve(name: str) -> Any:
    module, _, qualified_name = name.partition(":")
    if not module.startswith(_ALLOWED_MODULES):
        raise TypeError(f"cannot read a value of type {name}")
    return getattr(importlib.import_module(module), qualified_name)
