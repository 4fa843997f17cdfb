"""Microspheres: their nuclide, and the energy per activity in complete decay under each name that it goes by.

References
----------
[deWit2023]_ Constants of the review.
[EGSnrcLNHB]_ Energies and half-lives from which the DDEP constants are computed.
[PMC8583383]_ Properties of the spheres.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from theradose.data import load_yaml
from theradose.dose.local import charged_dose_constant
from theradose.errors import PhysicsError
from theradose.nuclides import Constant, load_nuclide
from theradose.uncertainty import Uncertain

SETTINGS = "tare.yaml"
DDEP = "ddep"


@dataclass(frozen=True, slots=True, eq=False)
class Microspheres:
    """A product.

    Attributes
    ----------
    key : str
        As limits name it, ``sir-spheres``.
    title : str
        As it is sold, ``SIR-Spheres``.
    material : str
        ``resin``, ``glass`` or ``poly-L-lactic acid``.
    nuclide : str
        As ``Y-90``.
    therapy : str
        Key in ``therapies.yaml``.
    conversions : mapping of str to Constant
        Energy per activity in complete decay, J/GBq, by name; ``label`` first, ``ddep`` last.
    activity_per_sphere_bq : tuple of float
        Lowest and highest activity of a sphere.
    sphere_source : str
        Where that is from.
    """

    key: str
    title: str
    material: str
    nuclide: str
    therapy: str
    conversions: Mapping[str, Constant]
    activity_per_sphere_bq: tuple[float, float]
    sphere_source: str

    def conversion(self, name: str) -> Constant:
        """Return a conversion by its name.

        Raises
        ------
        PhysicsError
            ``conversion-unknown``.
        """
        if name not in self.conversions:
            raise PhysicsError(
                f"There is no conversion '{name}' for {self.title}: valid names are {', '.join(self.conversions)}.",
                code="conversion-unknown",
            )
        return self.conversions[name]

    def number_of_spheres_million(self, *, activity_mbq: float) -> tuple[float, float]:
        """Return the least and the largest number of spheres that carry an activity, in millions.

        References
        ----------
        [PMC8583383]_
        """
        lowest, highest = self.activity_per_sphere_bq
        return activity_mbq / highest, activity_mbq / lowest


def product_keys() -> tuple[str, ...]:
    """Return the keys of the products."""
    return tuple(load_yaml(SETTINGS)["products"])


def load_product(name: str) -> Microspheres:
    """Return a product by its key or title, whatever the case.

    Raises
    ------
    PhysicsError
        ``product-unknown``.
    """
    products = load_yaml(SETTINGS)["products"]
    written = name.strip().lower()
    for key, record in products.items():
        # R1 writes TheraSpheres, the vendor TheraSphere.
        if written.rstrip("s") in (key.rstrip("s"), record["title"].lower().rstrip("s")):
            return _product(key, record)
    raise PhysicsError(
        f"'{name}' is no product known here: valid names are {', '.join(p['title'] for p in products.values())}.",
        code="product-unknown",
    )


def energy_of_complete_decay(nuclide: str) -> Constant:
    """Return the energy of charged particles per activity in complete decay, J/GBq, from the nuclide's own record.

    References
    ----------
    [EGSnrcLNHB]_
    """
    record = load_nuclide(nuclide)
    energy, half_life = record.electron_energy_kev, record.half_life_h
    # Gy·g/(MBq·h) times the mean life in h is Gy·g/MBq, which is J/GBq.
    value = charged_dose_constant(record) * half_life.value / math.log(2)
    relative = [None if part.u is None else part.u / part.value for part in (energy, half_life)]
    u = None if None in relative else value * math.hypot(*(part or 0.0 for part in relative))
    return Constant(
        f"energy of complete decay of {record.name} (electrons, ddep)",
        value,
        "J/GBq",
        f"{energy.value:g} keV per decay and {half_life.value:g} h: {energy.source}; photons are not counted",
        energy.status,
        energy.edition,
        u,
    )


def uncertain_constant(constant: Constant, source: str) -> Uncertain:
    """Return a constant with its uncertainty under a name; a label's constant is a convention and has none."""
    return Uncertain(constant.value, {source: constant.u} if constant.u else {})


def setting(name: str, label: str) -> Constant:
    """Return a number of ``tare.yaml`` with its origin under a label for the reader."""
    return _constant(label, load_yaml(SETTINGS)[name])


def _product(key: str, record: Mapping[str, Any]) -> Microspheres:
    conversions = {
        name: _constant(f"energy of complete decay, {record['title']} ({name})", item)
        for name, item in record["conversions"].items()
    }
    conversions[DDEP] = energy_of_complete_decay(record["nuclide"])
    sphere = record["facts"]["activity-per-sphere"]
    lowest, highest = sphere["value"]
    return Microspheres(
        key=key,
        title=record["title"],
        material=record["material"],
        nuclide=record["nuclide"],
        therapy=record["therapy"],
        conversions=MappingProxyType(conversions),
        activity_per_sphere_bq=(float(lowest), float(highest)),
        sphere_source=sphere["source"],
    )


def _constant(label: str, record: Mapping[str, Any]) -> Constant:
    return Constant(label, **record)
