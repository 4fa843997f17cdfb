"""What is decided before the data are looked at.

References
----------
[Warfvinge2024]_ Definitions of responders, exclusions and intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from theradose.data import load_yaml
from theradose.model.tumours import DoseKind
from theradose.nuclides import Constant

FILE = "response.yaml"
CycleCorrelation = Literal["shared", "independent"]
_CONSTANTS = {
    "responder_reduction": "loss of volume of a responder",
    "smallest_baseline_volume": "smallest volume at baseline",
    "baseline_split": "volume at baseline between small and large tumours",
    "growth_since_smallest": "gain of volume that is growth",
    "confidence_level": "level of intervals and tests",
    "quadrature_nodes": "nodes of the quadrature",
}


@dataclass(frozen=True, slots=True)
class ResponseSettings:
    """Choices of the analysis.

    Attributes
    ----------
    responder : float
        Relative loss of volume from which a tumour is a responder.
    smallest_ml : float
        Tumours with a smaller volume at baseline are left out of everything that uses doses.
    split_ml : float
        Volume at baseline that parts small from large tumours.
    growth : float
        Relative gain since the smallest volume that is called growth.
    primary : DoseKind or None
        Which sum of doses the primary analysis uses; over all cycles if that is known.
    cycles : {"shared", "independent"}
        How uncertainties of cycles add where the table does not say: in full, or as independent ones.
    grade : str or None
        The one grade to be analysed.
    doses_gy : tuple of float
        Doses whose sensitivity, specificity and odds are stated.
    probabilities : tuple of float
        Probabilities of response whose doses are stated.
    level : float
        Of intervals; p below 1 − level is significant.
    nodes, replicates, seed : int
        Of the quadrature, of the bootstrap and of its random numbers.
    """

    responder: float
    smallest_ml: float
    split_ml: float
    growth: float
    primary: DoseKind | None
    cycles: CycleCorrelation
    grade: str | None
    doses_gy: tuple[float, ...]
    probabilities: tuple[float, ...]
    level: float
    nodes: int
    replicates: int
    seed: int

    @property
    def alpha(self) -> float:
        """Largest p that is called significant."""
        return 1 - self.level


def default_settings() -> ResponseSettings:
    """Return the settings of the published analysis, from ``response.yaml``."""
    value = {name: entry["value"] for name, entry in load_yaml(FILE).items()}
    return ResponseSettings(
        responder=value["responder_reduction"],
        smallest_ml=value["smallest_baseline_volume"],
        split_ml=value["baseline_split"],
        growth=value["growth_since_smallest"],
        primary=None,
        cycles="shared",
        grade=None,
        doses_gy=(),
        probabilities=tuple(value["printed_probabilities"]),
        level=value["confidence_level"],
        nodes=value["quadrature_nodes"],
        replicates=value["bootstrap_replicates"],
        seed=177,
    )


def constants(settings: ResponseSettings) -> tuple[Constant, ...]:
    """Return the conventions of an analysis with their sources; what was changed is stated by the user."""
    used = {
        "responder_reduction": settings.responder,
        "smallest_baseline_volume": settings.smallest_ml,
        "baseline_split": settings.split_ml,
        "growth_since_smallest": settings.growth,
        "confidence_level": settings.level,
        "quadrature_nodes": settings.nodes,
    }
    records: dict[str, Any] = load_yaml(FILE)
    return tuple(
        Constant(label, **records[key])
        if used[key] == records[key]["value"]
        else Constant(label, used[key], records[key]["unit"], "stated by the user", "stated", "")
        for key, label in _CONSTANTS.items()
    )
