"""Tissues for radiation transport, and the tissue of each voxel.

References
----------
[ESTAR]_ Materials of ICRU 1986: water, air, lung, adipose tissue, muscle, cortical bone.
[ICRP110]_ Liver, kidney, spongiosa and yellow marrow.
[ICRU46]_ Average soft tissue and red marrow.
[ICRU37]_ Additivity rule for the mean excitation energy.
[Schneider2000]_ Intervals of the CT number, and the composition of bone between spongiosa and cortical bone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import yaml

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.arrays import Array, frozen

_TISSUES = "materials/tissues.yaml"
_RAMP = "materials/ramp.yaml"
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a voxel consists of.

    Attributes
    ----------
    name : str
        Name in the package or in the site's ramp.
    density_g_per_ml : float
        Reference density; transport uses that of the voxel.
    mass_fractions : mapping of int to float
        Share of the mass by atomic number, sum 1.
    mean_excitation_ev : float
        Mean excitation energy.
    source, status, edition : str
        Where the numbers come from; ``verified`` only if all of them are.
    """

    name: str
    density_g_per_ml: float
    mass_fractions: Mapping[int, float]
    mean_excitation_ev: float
    source: str
    status: str
    edition: str

    def __post_init__(self) -> None:
        total = math.fsum(self.mass_fractions.values())
        if abs(total - 1) > _SUM_TOLERANCE or min(self.mass_fractions.values()) < 0 or self.density_g_per_ml <= 0:
            raise PhysicsError(
                f"The material '{self.name}' has mass fractions with the sum {total:.4f} and {self.density_g_per_ml:g} "
                "g/mL: fractions must be positive and add up to 1 within 0.001, with a positive density.",
                code="material-invalid",
            )
        fractions = {number: part / total for number, part in sorted(self.mass_fractions.items())}
        object.__setattr__(self, "mass_fractions", MappingProxyType(fractions))

    @property
    def electrons_mol_per_g(self) -> float:
        """Amount of electrons in mol/g, the mean of Z/A."""
        return math.fsum(part * number / atomic_weight(number) for number, part in self.mass_fractions.items())


@dataclass(frozen=True, slots=True, eq=False)
class MaterialRamp:
    """Materials by intervals of the CT number, of the density, or of both.

    Attributes
    ----------
    name : str
        Short name for the result.
    materials : tuple of str
        Names from low to high; one may appear more than once.
    limits : mapping of str to ndarray
        Per quantity, ``hu`` or ``density_g_per_ml``, the limits between them, increasing; a limit belongs to the
        material above it.
    source, status, edition : str
        Where the limits come from.
    """

    name: str
    materials: tuple[str, ...]
    limits: Mapping[str, Array]
    source: str
    status: str
    edition: str

    def __post_init__(self) -> None:
        limits = {quantity: frozen(values, np.float64) for quantity, values in self.limits.items()}
        for quantity, values in limits.items():
            if values.shape != (len(self.materials) - 1,) or not np.all(np.diff(values) > 0):
                raise PhysicsError(
                    f"The material ramp '{self.name}' has {values.size} limits ({quantity}) for {len(self.materials)} "
                    "materials: it needs increasing limits, one fewer than materials.",
                    code="ramp-invalid",
                )
        for material in self.materials:
            load_material(material)
        object.__setattr__(self, "limits", MappingProxyType(limits))

    @property
    def names(self) -> tuple[str, ...]:
        """Each material once, in the order of the ramp: the meaning of the labels."""
        return tuple(dict.fromkeys(self.materials))


def material_names() -> tuple[str, ...]:
    """Return the names of the packaged materials."""
    return tuple(load_yaml(_TISSUES)["materials"])


def load_material(name: str = "water") -> Material:
    """Return a packaged material.

    Parameters
    ----------
    name : str
        One of `material_names`.

    Raises
    ------
    PhysicsError
        ``material-unknown``.
    """
    content = load_yaml(_TISSUES)
    if name not in content["materials"]:
        raise PhysicsError(
            f"There is no material '{name}': choose one of {', '.join(material_names())}.", code="material-unknown"
        )
    record = content["materials"][name]
    excitation = record.get("mean_excitation")
    elements = content["element_mean_excitation"]
    if excitation is None:
        energy_ev = additive_mean_excitation(mass_fractions=record["mass_fractions"])
        source = f"{record['source']}; mean excitation energy by Bragg's additivity rule"
        status = elements["status"]
    else:
        energy_ev, source, status = float(excitation["value"]), record["source"], excitation["status"]
    return Material(
        name=name,
        density_g_per_ml=float(record["density_g_per_ml"]),
        mass_fractions=record["mass_fractions"],
        mean_excitation_ev=energy_ev,
        source=source,
        status="verified" if record["status"] == status == "verified" else "unverified",
        edition=str(record["edition"]),
    )


def additive_mean_excitation(*, mass_fractions: Mapping[int, float]) -> float:
    """Return the mean excitation energy in eV of a mixture of elements.

    Bragg's rule: the logarithms of the elements' energies, weighted by their electrons.

    Parameters
    ----------
    mass_fractions : mapping of int to float
        Share of the mass by atomic number.

    References
    ----------
    [ICRU37]_
    """
    energies = load_yaml(_TISSUES)["element_mean_excitation"]["value"]
    electrons = {number: part * number / atomic_weight(number) for number, part in mass_fractions.items()}
    total = math.fsum(electrons.values())
    return math.exp(math.fsum(part * math.log(energies[number]) for number, part in electrons.items()) / total)


def atomic_weight(number: int) -> float:
    """Return the atomic weight in g/mol of the element with an atomic number.

    Raises
    ------
    PhysicsError
        ``element-unknown`` for an element of no packaged tissue.
    """
    weights = load_yaml(_TISSUES)["atomic_weight"]["value"]
    if number not in weights:
        raise PhysicsError(
            f"There are no data for the element {number}: materials may contain the elements "
            f"{', '.join(str(known) for known in weights)}.",
            code="element-unknown",
        )
    return float(weights[number])


def material_ramp(path: Path | None = None) -> MaterialRamp:
    """Return the site's ramp from a YAML file, or the packaged one.

    Parameters
    ----------
    path : Path, optional
        File with ``name``, ``materials``, ``hu_limits`` or ``density_limits_g_per_ml`` or both, ``source``,
        ``status`` and ``edition``.

    Raises
    ------
    PhysicsError
        ``ramp-invalid`` for a file that is not such a ramp, ``material-unknown``.
    """
    if path is None:
        return _ramp_of(load_yaml(_RAMP))
    try:
        return _ramp_of(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise PhysicsError(
            f"{path.name} is not a material ramp: it needs name, materials, hu_limits or density_limits_g_per_ml, "
            "source, status and edition, as YAML.",
            code="ramp-invalid",
        ) from error


def materials_from_density(
    density_g_per_ml: Array, *, ramp: MaterialRamp | None = None
) -> tuple[Array, tuple[str, ...]]:
    """Return the material of each voxel by its mass density.

    Parameters
    ----------
    density_g_per_ml : ndarray
        Any shape with at least one axis.
    ramp : MaterialRamp, optional
        The packaged one by default.

    Returns
    -------
    labels : ndarray of uint8
        Index into `names`, of the same shape.
    names : tuple of str
        Materials of the ramp.

    Raises
    ------
    PhysicsError
        ``ramp-quantity`` if the ramp has no limits of density, ``voxels-not-finite``.

    References
    ----------
    [Schneider2000]_
    """
    return _assign(density_g_per_ml, ramp or material_ramp(), "density_g_per_ml")


def materials_from_hu(hu: Array, *, ramp: MaterialRamp | None = None) -> tuple[Array, tuple[str, ...]]:
    """Return the material of each voxel by its CT number, as `materials_from_density` does by density.

    References
    ----------
    [Schneider2000]_
    """
    return _assign(hu, ramp or material_ramp(), "hu")


def _assign(values: Array, ramp: MaterialRamp, quantity: str) -> tuple[Array, tuple[str, ...]]:
    if quantity not in ramp.limits:
        raise PhysicsError(
            f"The material ramp '{ramp.name}' has no limits of {quantity}: add them, or assign materials by "
            f"{' or '.join(ramp.limits)}.",
            code="ramp-quantity",
        )
    names, limits = ramp.names, ramp.limits[quantity]
    label_of_interval = np.array([names.index(material) for material in ramp.materials], np.uint8)
    planes = np.atleast_2d(values)
    labels = np.empty(planes.shape, np.uint8)
    # Slice by slice: the intervals of a whole CT at once would take eight bytes a voxel.
    for index, plane in enumerate(planes):
        if not np.all(np.isfinite(plane)):
            raise PhysicsError(
                f"Voxels without a finite value ({quantity}) have no material: fill them before assigning materials.",
                code="voxels-not-finite",
            )
        labels[index] = label_of_interval[np.digitize(plane, limits)]
    return labels.reshape(values.shape), names


def _ramp_of(content: Any) -> MaterialRamp:
    limits = {"hu": content.get("hu_limits"), "density_g_per_ml": content.get("density_limits_g_per_ml")}
    stated = {quantity: np.asarray(values, float) for quantity, values in limits.items() if values is not None}
    if not stated:
        raise KeyError("hu_limits")
    return MaterialRamp(
        name=str(content["name"]),
        materials=tuple(content["materials"]),
        limits=stated,
        source=str(content["source"]),
        status=str(content["status"]),
        edition=str(content["edition"]),
    )
