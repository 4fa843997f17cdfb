"""How the kinetics of a region vary between patients, as it is stored and exchanged."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from theradose.model.document import Part

POPULATION_SCHEMA: Literal["theradose/population/1"] = "theradose/population/1"
"""Version of the record; another one is refused."""

_SYMMETRY = 1e-9


class PopulationFit(Part):
    """How a population was estimated.

    `method` is that of the marginal likelihood, `omega` the form of the covariance between patients, `error` how the
    scatter of the points is described; `shrinkage` is by parameter, from 0 (the points tell) to 1 (they tell nothing).
    """

    method: str
    omega: Literal["diagonal", "full"]
    error: Literal["stated", "scaled", "proportional", "both"]
    log_likelihood: float
    aic: float
    bic: float
    converged: bool
    singular: bool
    shrinkage: tuple[float | None, ...]


class RegionPopulation(Part):
    """The distribution of one region's curve between patients.

    The parameters are natural logarithms, normally distributed with `mean` and `omega`; `covariance_of_mean` says how
    well the mean is known. The logarithm of a point scatters about the curve by its stated relative uncertainty, times
    `error_scale`, and by `error_u` beside it. `regions` are the names for which the population holds, both sides of a
    pair where each was a curve of its own; the activity is a fraction of what was administered, or that per litre of
    blood. `t_h` are the first and the last time of any point. `elimination_ratio` is the elimination with amino acids
    over that without, ``null`` where it is a parameter.
    """

    regions: tuple[str, ...]
    form: str
    parameters: tuple[str, ...]
    mean: tuple[float, ...]
    covariance_of_mean: tuple[tuple[float, ...], ...]
    omega: tuple[tuple[float, ...], ...]
    error_scale: float
    error_u: float
    patients: int
    curves: int
    points: int
    t_h: tuple[float, float]
    infusion_h: float = 0.0
    amino_acids_until_h: float = 0.0
    elimination_ratio: float | None = 1.0
    fit: PopulationFit

    @model_validator(mode="after")
    def _consistent(self) -> RegionPopulation:
        count = len(self.mean)
        if not self.regions:
            raise ValueError("'regions' names no region")
        if len(self.parameters) != count:
            raise ValueError("'parameters' and 'mean' are not equally long")
        for name in ("covariance_of_mean", "omega"):
            matrix = np.array(getattr(self, name), float)
            if matrix.shape != (count, count) or not np.isfinite(matrix).all():
                raise ValueError(f"'{name}' is not a matrix of {count} by {count} numbers")
            size = max(float(np.abs(matrix).max(initial=0.0)), 1e-300)
            if np.abs(matrix - matrix.T).max() > _SYMMETRY * size or np.linalg.eigvalsh(matrix)[0] < -_SYMMETRY * size:
                raise ValueError(f"'{name}' is not a covariance: it must be symmetric and have no negative variance")
        if min(self.error_scale, self.error_u) < 0 or self.error_scale + self.error_u == 0:
            raise ValueError("'error_scale' and 'error_u' cannot be negative, nor both be zero")
        if not 0 < self.t_h[0] <= self.t_h[1]:
            raise ValueError("'t_h' must be a first and a last time after the administration")
        if self.patients < 1:
            raise ValueError("'patients' must be at least 1")
        return self


class SourceFile(Part):
    """A file that the populations came from: its name without folders, and the hash of its bytes."""

    file: str
    sha256: str


class PopulationRecord(Part):
    """Populations of one therapy and nuclide, with their provenance."""

    schema_: Literal["theradose/population/1"] = Field(default=POPULATION_SCHEMA, alias="schema")
    created: str
    software: dict[str, str]
    therapy: str | None
    nuclide: str
    sources: tuple[SourceFile, ...]
    populations: tuple[RegionPopulation, ...]

    @model_validator(mode="after")
    def _each_region_once(self) -> PopulationRecord:
        names = [name for population in self.populations for name in population.regions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the region '{twice[0]}' has more than one population")
        if not self.populations:
            raise ValueError("there is no population")
        return self

    def find(self, region: str) -> RegionPopulation | None:
        """Return the population of a region, ``None`` if there is none."""
        return next((population for population in self.populations if region in population.regions), None)
