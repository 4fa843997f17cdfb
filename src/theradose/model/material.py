"""Which tissue fills each voxel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.grid import Volume

LARGEST_LABEL = 255


@dataclass(frozen=True, slots=True, eq=False)
class MaterialMap(Volume):
    """Labels of tissues, uint8, and the tissue that each stands for.

    Attributes
    ----------
    names : mapping of int to str
        Material of each label in the map.

    Raises
    ------
    PhysicsError
        ``material-labels`` for labels that are no integers from 0 to 255, ``material-unnamed`` for a label without
        a material.
    """

    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = np.unique(self.data)
        whole = np.isfinite(labels) & (labels == np.floor(labels)) & (labels >= 0) & (labels <= LARGEST_LABEL)
        if not whole.all():
            raise PhysicsError(
                f"The material map holds {labels[~whole][0]:g}: its labels must be integers from 0 to {LARGEST_LABEL}.",
                code="material-labels",
            )
        unnamed = [int(label) for label in labels if int(label) not in self.names]
        if unnamed:
            raise PhysicsError(
                f"The material map has the label {', '.join(map(str, unnamed))}, for which no material is named: the "
                f"named ones are {', '.join(f'{label}={name}' for label, name in self.names.items()) or 'none'}.",
                code="material-unnamed",
            )
        object.__setattr__(self, "data", self.data.astype(np.uint8))
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))
        Volume.__post_init__(self)
