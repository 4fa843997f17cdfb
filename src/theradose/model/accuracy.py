"""How accurate a protocol is expected to be, from the simulation of virtual cohorts."""

from __future__ import annotations

from pydantic import Field

from theradose.model.study import Fraction, StudyPart


class Accuracy(StudyPart):
    """Deviation of a time-integrated activity from the truth over a virtual cohort, relative to the truth.

    Attributes
    ----------
    sd, bias, rms : float
        Standard deviation, mean, and root mean square of estimate over truth − 1.
    u_rms : float
        Standard uncertainty of `rms` from the size of the cohort.
    refused : Fraction
        Share of the cohort whose curve could not be integrated.
    """

    sd: float
    bias: float
    rms: float
    u_rms: float
    refused: Fraction = 0.0


class OneMoreVisit(StudyPart):
    """The additional visit that helps most, and what it gives."""

    t_h: float
    accuracy: dict[str, Accuracy]


class Expectation(StudyPart):
    """What the simulation expects of a protocol, by quantity.

    Attributes
    ----------
    accuracy : dict of str to Accuracy
        With all visits, each at a random time within its tolerance.
    paired : dict of str to Accuracy
        The same for the patients of `without` and `one_more`, with which these compare.
    without : dict of str to dict
        Without one visit, by the id of the visit.
    one_more : OneMoreVisit or None
        With one visit more, at the best of the times tried.
    tried_h : tuple of float
        Times tried for it.
    """

    accuracy: dict[str, Accuracy]
    paired: dict[str, Accuracy] = Field(default_factory=dict)
    without: dict[str, dict[str, Accuracy]] = Field(default_factory=dict)
    one_more: OneMoreVisit | None = None
    tried_h: tuple[float, ...] = ()


class Expectations(StudyPart):
    """The document of the simulation for all protocols.

    Attributes
    ----------
    source, status : str
        What the numbers rest on.
    software : str
        Version that computed them.
    seed, patients, patients_of_variants : int
        Seed and sizes of the cohorts.
    protocols : dict of str to Expectation
        By name of the protocol.
    """

    source: str
    status: str
    software: str
    seed: int
    patients: int
    patients_of_variants: int
    protocols: dict[str, Expectation]
