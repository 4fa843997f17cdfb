"""The anatomy of a digital patient: quadric organs that replace each other in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from theradose.errors import PhysicsError
from theradose.model.arrays import Array
from theradose.model.grid import Grid
from theradose.model.region import RegionKind
from theradose.model.transform import RigidTransform
from theradose.simulate.sampling import draw, draw_direction, draw_factor
from theradose.simulate.solids import Solid, cylinder, ellipsoid, paint

# Half the length of trunk and arms, which end outside every field of view.
_BODY_HALF_LENGTH_MM = 900.0
_ATTEMPTS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One tissue of the anatomy.

    Attributes
    ----------
    name : str
        Unique name.
    tissue : str
        Key of the tissue table (HU, density).
    solids : tuple of Solid
        Their union is the part, less what later parts replace.
    region : str or None
        Region to which it belongs; several parts can form one region.
    kind : RegionKind
        Kind of that region.
    kinetics : str
        Key of the kinetics, or ``remainder``.
    site : str
        Where it lies, for lesions.
    structure : str or None
        Larger whole of several parts that a reader may outline (a vertebra: cortex and spongiosa).
    """

    name: str
    tissue: str
    solids: tuple[Solid, ...]
    region: str | None = None
    kind: RegionKind = RegionKind.ORGAN
    kinetics: str = "remainder"
    site: str = ""
    structure: str | None = None

    @property
    def is_core(self) -> bool:
        """Whether it is the inner part of a region that another part surrounds."""
        return self.region is not None and self.name != self.region


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """All parts, in the order in which they replace each other; label ``i + 1`` is part ``i``, 0 is air."""

    parts: tuple[Part, ...]

    def moved(self, transform: RigidTransform) -> Anatomy:
        """Return the anatomy after a rigid motion of the whole patient."""
        return Anatomy(
            tuple(replace(part, solids=tuple(solid.moved(transform) for solid in part.solids)) for part in self.parts)
        )

    def labels(self, grid: Grid) -> Array:
        """Return the label of each voxel centre of an axis-aligned grid, uint8."""
        labels = np.zeros(grid.shape, np.uint8)
        for label, part in enumerate(self.parts, start=1):
            for solid in part.solids:
                paint(labels, grid, solid, label)
        return labels

    @property
    def region_names(self) -> tuple[str, ...]:
        """Names of the regions in order of first appearance."""
        return tuple(dict.fromkeys(part.region for part in self.parts if part.region is not None))

    @property
    def structure_names(self) -> tuple[str, ...]:
        """Names of the structures in order of first appearance."""
        return tuple(dict.fromkeys(part.structure for part in self.parts if part.structure is not None))

    @property
    def skin(self) -> Solid:
        """The surface of the trunk."""
        return next(part.solids[0] for part in self.parts if part.name == "fat")

    @property
    def half_width_mm(self) -> tuple[float, float]:
        """Largest distance from the middle along (x, y)."""
        reach = [np.abs(solid.centre_mm) + solid.half_extent_mm() for part in self.parts for solid in part.solids]
        x, y, _ = np.max(reach, axis=0)
        return float(x), float(y)

    def parts_of(self, region: str) -> tuple[int, ...]:
        """Return the positions of the parts of a region or structure."""
        return tuple(i for i, part in enumerate(self.parts) if region in (part.region, part.structure))

    def region_level(self, region: str, points_mm: Array) -> Array:
        """Return a function of (…, 3) points that is negative inside a region or structure, zero on its outline."""
        flat = points_mm.reshape(-1, 3)
        low, high = flat.min(axis=0), flat.max(axis=0)
        level = np.full(points_mm.shape[:-1], np.inf)
        members = self.parts_of(region)
        for member in members:
            part_level = np.min([solid.level(points_mm) for solid in self.parts[member].solids], axis=0)
            later = (part for i, part in enumerate(self.parts) if i > member and i not in members)
            for solid in (solid for part in later for solid in part.solids if solid.reaches(low, high)):
                part_level = np.maximum(part_level, -solid.level(points_mm))
            level = np.minimum(level, part_level)
        return level


def build_anatomy(spec: Mapping[str, Any], *, rng: np.random.Generator, weight_kg: float, arms: bool) -> Anatomy:
    """Draw an anatomy.

    Parameters
    ----------
    spec : mapping
        Content of a file of ``data/simulation`` (see ``lu177-dotatate.yaml``).
    rng : numpy.random.Generator
        Source of all variation.
    weight_kg : float
        Body weight: lengths scale with its cube root relative to the reference weight.
    arms : bool
        Whether the arms lie beside the trunk.

    Raises
    ------
    PhysicsError
        If no draw gives organs that keep clear of each other.
    """
    scale = (weight_kg / spec["reference_weight_kg"]) ** (1 / 3)
    fat_mm = draw(rng, spec["body"]["fat_mm"])
    for _ in range(_ATTEMPTS):
        organs = _draw_organs(spec, rng, scale)
        spine = _spine(spec["vertebrae"], scale)
        trunk = cylinder(np.zeros(3), [*(scale * np.array(spec["body"]["semi_axes_mm"])), _BODY_HALF_LENGTH_MM])
        if not _keeps_clear(organs, spine, trunk):
            continue
        lesions = _draw_lesions(spec, rng, scale, organs, spine, trunk)
        if lesions is not None:
            skin = cylinder(np.zeros(3), [*(trunk.semi_axes_mm[:2] + fat_mm), _BODY_HALF_LENGTH_MM])
            cavity = spec["body"]["cavity"]
            inside = cylinder(
                scale * np.array([*cavity["centre_mm"], 0]),
                [*(scale * np.array(cavity["semi_axes_mm"])), _BODY_HALF_LENGTH_MM],
            )
            body = [
                Part("fat", "adipose", (skin,)),
                Part("muscle", "muscle", (trunk,)),
                Part("cavity", cavity["tissue"], (inside,)),
            ]
            if arms:
                body.insert(0, Part("arms", "muscle", _arms(spec["arms"], scale, fat_mm)))
            return Anatomy((*body, *organs, *spine, *lesions))
    raise PhysicsError(
        f"No anatomy without touching organs was found in {_ATTEMPTS} draws: widen the positions or lower the "
        "scatter in the simulation file.",
        code="anatomy-not-found",
    )


def _draw_organs(spec: Mapping[str, Any], rng: np.random.Generator, scale: float) -> tuple[Part, ...]:
    parts = []
    for part in spec["parts"]:
        growth = scale * draw_factor(rng, part["volume_cv"]) ** (1 / 3)
        scatter = draw_direction(rng) * rng.uniform(0, spec["scatter_mm"])
        solids = tuple(
            ellipsoid(
                scale * np.array(item["centre_mm"]) + scatter,
                growth * np.array(item["semi_axes_mm"]),
                item.get("tilt_deg", (0, 0, 0)),
            )
            for item in part["ellipsoids"]
        )
        region = part["name"] if part["name"] in spec["kinetics"] else None
        kinetics = part["name"] if region else "remainder"
        parts.append(Part(part["name"], part["tissue"], solids, region, kinetics=kinetics))
        if "core" in part:
            core = part["core"]
            inner = solids[0].scaled(core["scale"]).shifted(growth * np.array(core["shift_mm"]))
            parts.append(Part(core["name"], part["tissue"], (inner,), region, kinetics=kinetics))
    return tuple(parts)


def _spine(spec: Mapping[str, Any], scale: float) -> tuple[Part, ...]:
    """Vertebral bodies along a parabola: a thin cortical shell around spongiosa."""
    parts = []
    heights, disc = scale * np.array(spec["heights_mm"]), scale * spec["disc_mm"]
    along = np.linspace(0, 1, len(heights))
    z = scale * spec["top_mm"] - np.cumsum(heights + disc) + disc + heights / 2
    offset = along / spec["apex"] - 1
    y = scale * (spec["centre_y_mm"] - spec["bow_mm"] * (1 - offset**2))
    tilt_deg = -np.degrees(np.arctan(np.gradient(y, z)))
    width = scale * (spec["taper"] + (1 - spec["taper"]) * along)
    for i, name in enumerate(spec["names"]):
        semi_axes = [*(width[i] * np.array(spec["semi_axes_mm"])), heights[i] / 2]
        shell = cylinder([0.0, y[i], z[i]], semi_axes, (tilt_deg[i], 0.0, 0.0))
        vertebra = f"{name.lower()}-vertebra" if name in spec["outlined"] else None
        parts.append(Part(f"{name}-cortex", "cortical-bone", (shell,), structure=vertebra))
        parts.append(
            Part(
                f"{name}-spongiosa",
                "spongiosa",
                (shell.grown(-spec["cortex_mm"]),),
                f"{name}-spongiosa",
                RegionKind.OTHER,
                "spongiosa",
                structure=vertebra,
            )
        )
    return tuple(parts)


def _arms(spec: Mapping[str, Any], scale: float, fat_mm: float) -> tuple[Solid, Solid]:
    x, y = spec["centre_mm"]
    axes = [*(scale * np.array(spec["semi_axes_mm"])), _BODY_HALF_LENGTH_MM]
    outward = scale * x + fat_mm / 2
    return cylinder([outward, y, 0.0], axes), cylinder([-outward, y, 0.0], axes)


def _draw_lesions(
    spec: Mapping[str, Any],
    rng: np.random.Generator,
    scale: float,
    organs: Sequence[Part],
    spine: Sequence[Part],
    trunk: Solid,
) -> tuple[Part, ...] | None:
    """Place the lesions one by one, each clear of everything but the part that holds it."""
    lesions: list[Part] = []
    for number, item in enumerate(spec["lesions"], start=1):
        volume_ml = draw(rng, item["volume_ml"])
        host = next((part for part in organs if part.name == item.get("inside")), None)
        obstacles = [part for part in (*organs, *spine, *lesions) if part is not host]
        for _ in range(_ATTEMPTS):
            solid = _draw_lesion(spec, rng, scale, item, volume_ml, host)
            surface = solid.grown(spec["clearance_mm"]).surface_points()
            shell = trunk if host is None else host.solids[0]
            if (shell.level(surface) < 0).all() and not _touches(solid, surface, obstacles):
                name = f"lesion-{number}"
                lesions.append(Part(name, "lesion", (solid,), name, RegionKind.LESION, "lesion", site=item["site"]))
                break
        else:
            return None
    return tuple(lesions)


def _draw_lesion(
    spec: Mapping[str, Any],
    rng: np.random.Generator,
    scale: float,
    item: Mapping[str, Any],
    volume_ml: float,
    host: Part | None,
) -> Solid:
    ratios = np.array([draw_factor(rng, spec["lesion_axis_cv"]) for _ in range(3)])
    semi_axes = ratios * (volume_ml * 1000 / (4 / 3 * np.pi * ratios.prod())) ** (1 / 3)
    if host is None:
        centre = scale * np.array(item["centre_mm"]) + draw_direction(rng) * rng.uniform(0, spec["scatter_mm"])
    else:
        frame = host.solids[0]
        centre = frame.centre_mm + frame.axes @ (
            frame.semi_axes_mm * draw_direction(rng) * rng.uniform(0, 0.6) ** (1 / 3)
        )
    return ellipsoid(centre, semi_axes, rng.uniform(0, 180, size=3))


def _keeps_clear(organs: Sequence[Part], spine: Sequence[Part], trunk: Solid) -> bool:
    """Whether the solid organs stay in the trunk and apart from each other and from the spine."""
    solid_organs = [part for part in organs if part.tissue != "lung" and not part.is_core]
    for part in solid_organs:
        for solid in part.solids:
            if (trunk.level(solid.surface_points()) > 0).any():
                return False
    return not any(
        _touches(solid, solid.surface_points(), [second])
        for first, second in combinations((*solid_organs, *spine), 2)
        if first.kinetics != "spongiosa" and first.tissue != "cortical-bone"
        for solid in first.solids
    )


def _touches(solid: Solid, surface: Array, obstacles: Iterable[Part]) -> bool:
    """Whether `surface`, drawn around `solid`, enters an obstacle or an obstacle lies within `solid`."""
    return any(
        (obstacle.level(surface) < 0).any() or (solid.level(obstacle.surface_points()) < 0).any()
        for part in obstacles
        for obstacle in part.solids
    )
