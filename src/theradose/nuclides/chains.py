"""Decay chains: how many atoms of each member there are, and how many decay.

Each path from the parent to a member gives a Bateman solution, and a member receives the sum over its paths. A
Bateman solution is a divided difference of :math:`e^{-\\lambda t}` over the decay constants of its path. The textbook
sum of exponentials cancels where half-lives are close and divides by zero where they are equal; the divided
difference does neither.

References
----------
[Bateman1910]_, [McCurdy1984]_
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from theradose.errors import PhysicsError
from theradose.nuclides.records import canonical_nuclide, decays_of, load_nuclide, nuclide_names

Array = np.ndarray[Any, np.dtype[Any]]

_SERIES_SPREAD = 1.0
"""Spread of the exponents below which a divided difference is summed as a series."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ChainMember:
    """A member of a decay chain.

    Attributes
    ----------
    nuclide : str
        As ``Bi-213``.
    half_life_h : float
        Half-life.
    decays_per_parent : float
        Decays per decay of the parent when all of the chain decays.
    """

    nuclide: str
    half_life_h: float
    decays_per_parent: float

    @property
    def decay_constant_per_h(self) -> float:
        """Decay constant."""
        return math.log(2) / self.half_life_h


@dataclass(frozen=True, slots=True, eq=False)
class DecayChain:
    """A radionuclide with its radioactive daughters, down to the first that is stable or not built in.

    Attributes
    ----------
    members : tuple of ChainMember
        The parent, then the daughters, each after all that feed it.
    paths : tuple of (tuple of int, float)
        Each way from the parent to a member, as positions in `members`, with the product of its branchings.
    """

    members: tuple[ChainMember, ...]
    paths: tuple[tuple[tuple[int, ...], float], ...]

    def atoms(self, *, t_h: ArrayLike) -> Array:
        """Return the atoms of each member per atom of the parent at time 0.

        Parameters
        ----------
        t_h : array-like
            Times, (n,).

        Returns
        -------
        numpy.ndarray
            (members, n).

        References
        ----------
        [Bateman1910]_
        """
        return self._over_paths(t_h, integrated=False)

    def activities(self, *, t_h: ArrayLike) -> Array:
        """Return the activity of each member per activity of the parent at time 0, (members, n).

        References
        ----------
        [Bateman1910]_
        """
        rates = np.array([member.decay_constant_per_h for member in self.members])
        return np.asarray(rates[:, None] / rates[0] * self.atoms(t_h=t_h))

    def decays(self, *, t_h: ArrayLike) -> Array:
        """Return the decays of each member until a time per atom of the parent at time 0, (members, n).

        References
        ----------
        [Bateman1910]_
        """
        return self._over_paths(t_h, integrated=True)

    def time_integrated(self, *, retained: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the decays of each member per decay of the parent, for complete decay of the chain.

        Parameters
        ----------
        retained : mapping, optional
            For some daughters the fraction of their decays that happen where the parent decayed; the others have
            left with the blood or by recoil. Where nothing is given a daughter decays where its mother did.

        Raises
        ------
        PhysicsError
            If a name is no daughter, a fraction is not within 0 to 1, or more of a daughter stays than of its mothers.

        References
        ----------
        [Bateman1910]_
        """
        stays = {canonical_nuclide(name): fraction for name, fraction in (retained or {}).items()}
        names = [member.nuclide for member in self.members]
        for name, fraction in stays.items():
            if name not in names[1:]:
                raise PhysicsError(
                    f"{name} is no daughter in the chain of {names[0]}, which has {', '.join(names[1:]) or 'none'}.",
                    code="chain-member-unknown",
                )
            if not 0 <= fraction <= 1:
                raise PhysicsError(
                    f"A fraction of {fraction:g} of the decays of {name} cannot stay: give a number from 0 to 1.",
                    code="chain-fraction-invalid",
                )
        return self._in_place(stays)

    def _in_place(self, stays: Mapping[str, float]) -> dict[str, float]:
        """Decays of each member where the parent decayed, per decay of the parent."""
        fractions = [1.0]
        decays = {self.members[0].nuclide: 1.0}
        for position, member in enumerate(self.members[1:], start=1):
            # The last mother of each path has its fraction already: members stand after all that feed them.
            fed = sum(share * fractions[path[-2]] for path, share in self.paths if path[-1] == position)
            held = member.decays_per_parent * stays[member.nuclide] if member.nuclide in stays else fed
            if held > fed * (1 + _ROUNDING):
                raise PhysicsError(
                    f"A fraction of {stays[member.nuclide]:g} of the decays of {member.nuclide} cannot stay, because "
                    f"only {fed / member.decays_per_parent:.4g} of them have a mother that decays there: give less.",
                    code="chain-fraction-invalid",
                )
            fractions.append(held / member.decays_per_parent)
            decays[member.nuclide] = held
        return decays

    def _over_paths(self, t_h: ArrayLike, *, integrated: bool) -> Array:
        times = np.atleast_1d(np.asarray(t_h, dtype=float))
        if not np.all(np.isfinite(times) & (times >= 0)):
            raise PhysicsError("Times of a decay chain must be finite and not negative.", code="chain-time-invalid")
        rates = [member.decay_constant_per_h for member in self.members]
        result = np.zeros((len(rates), times.size))
        for path, branching in self.paths:
            nodes = [rates[position] for position in path]
            # Counting the decays of a member is counting the atoms of a stable daughter of it.
            feeding = branching * math.prod(nodes if integrated else nodes[:-1])
            ordered = sorted([*nodes, 0.0] if integrated else nodes)
            result[path[-1]] += [feeding * _divided_difference(ordered, time) for time in times]
        return result


@cache
def load_chain(name: str) -> DecayChain:
    """Return the decay chain of a nuclide.

    Parameters
    ----------
    name : str
        In any spelling that :func:`~theradose.nuclides.canonical_nuclide` reads.

    Raises
    ------
    PhysicsError
        If the nuclide is not built in.

    Examples
    --------
    >>> [member.nuclide for member in load_chain("Pb-212").members]
    ['Pb-212', 'Bi-212', 'Tl-208', 'Po-212']
    """
    parent = canonical_nuclide(name)
    ways = sorted(_ways_from(parent), key=len)
    # A member comes after all that feed it when members are ordered by their longest way.
    depth = {way[-1][0]: len(way) for way in ways}
    names = sorted(depth, key=lambda member: depth[member])
    products = [(tuple(names.index(member) for member, _ in way), math.prod(share for _, share in way)) for way in ways]
    members = tuple(
        ChainMember(
            member,
            load_nuclide(member).half_life_h.value,
            sum(product for path, product in products if path[-1] == position),
        )
        for position, member in enumerate(names)
    )
    return DecayChain(members, tuple(products))


def _ways_from(parent: str) -> list[tuple[tuple[str, float], ...]]:
    """Every way from the parent to itself or a daughter, as (member, branching that leads to it)."""
    known = nuclide_names(daughters=True)
    ways: list[tuple[tuple[str, float], ...]] = [((parent, 1.0),)]
    for way in ways:
        ways += [
            (*way, (decay["daughter"], decay["branching"]))
            for decay in decays_of(way[-1][0])
            if decay["daughter"] in known
        ]
    return ways


def _divided_difference(nodes: list[float], time: float) -> float:
    """Divided difference of exp(-node * time) without its alternating sign; the nodes ascend."""
    order = len(nodes) - 1
    # Entry i holds the difference over the nodes from i on; all entries of a row have the same order.
    row = [math.exp(-node * time) for node in nodes]
    for width in range(1, order + 1):
        row = [
            _close_difference(nodes[first : first + width + 1], time)
            if (nodes[first + width] - nodes[first]) * time < _SERIES_SPREAD
            else (row[first] - row[first + 1]) / (nodes[first + width] - nodes[first])
            for first in range(order + 1 - width)
        ]
    return row[0]


def _close_difference(nodes: list[float], time: float) -> float:
    """The same for nodes within one unit of the exponent, by the series in homogeneous symmetric polynomials."""
    order = len(nodes) - 1
    steps = [-(node - nodes[0]) * time for node in nodes]
    # powers[j] is the polynomial of the current degree in the steps up to j.
    powers = [1.0] * len(nodes)
    term, total = 1.0 / math.factorial(order), 0.0
    for degree in range(order + 1, order + 40):
        total += term * powers[-1]
        term /= degree
        running = 0.0
        for position, step in enumerate(steps):
            running += step * powers[position]
            powers[position] = running
    return total * time**order * math.exp(-nodes[0] * time)
