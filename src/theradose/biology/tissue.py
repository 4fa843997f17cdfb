"""Radiobiological parameters of tissues, each with its source and status.

References
----------
[Wessels2008]_ Kidneys.
[PMC9608466]_ The example of PSMA.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from theradose.data import load_yaml
from theradose.errors import PhysicsError
from theradose.model.finding import Finding
from theradose.nuclides import Constant
from theradose.uncertainty import Uncertain

_DATA = "radiobiology.yaml"
_KEYS = {"alpha_beta": "α/β", "repair_half_life": "repair half-life", "alpha": "α"}
EBRT = "EBRT"
"""Origin of what was found with external beams."""


@dataclass(frozen=True, slots=True)
class Tissue:
    """Parameters of one tissue; ``None`` where they are not known.

    Attributes
    ----------
    name : str
        Name of the set, which names the sources of uncertainty: doses to one tissue share them.
    alpha_beta, repair_half_life, alpha : Constant or None
        Gy, h and 1/Gy.
    origin : str or None
        ``EBRT`` if the set was found with external beams.
    """

    name: str
    alpha_beta: Constant | None = None
    repair_half_life: Constant | None = None
    alpha: Constant | None = None
    origin: str | None = None

    @property
    def complete(self) -> bool:
        """Whether a biologically effective dose can be computed."""
        return self.alpha_beta is not None and self.repair_half_life is not None

    @property
    def constants(self) -> tuple[Constant, ...]:
        """What is known."""
        known = (self.alpha_beta, self.repair_half_life, self.alpha)
        return tuple(constant for constant in known if constant is not None)

    @property
    def alpha_beta_gy(self) -> Uncertain:
        """α/β in Gy with its source ``alpha-beta:<name>``, not stated where nobody states its size."""
        return self._uncertain(self.alpha_beta, "alpha-beta")

    @property
    def repair_half_life_h(self) -> Uncertain:
        """Repair half-life in h with its source ``repair-half-life:<name>``."""
        return self._uncertain(self.repair_half_life, "repair-half-life")

    def with_stated(
        self, *, alpha_beta: Constant | None, repair_half_life: Constant | None, alpha: Constant | None
    ) -> Tissue:
        """Return the set with the parameters that a user states; ``None`` keeps what is known."""
        return replace(
            self,
            alpha_beta=alpha_beta or self.alpha_beta,
            repair_half_life=repair_half_life or self.repair_half_life,
            alpha=alpha or self.alpha,
        )

    def _uncertain(self, constant: Constant | None, source: str) -> Uncertain:
        if constant is None:
            raise PhysicsError(
                f"The tissue '{self.name}' has no {source.replace('-', ' ')}: state it.", code="tissue-incomplete"
            )
        return Uncertain(constant.value).with_contribution(f"{source}:{self.name}", constant.u)


def tissue_names() -> tuple[str, ...]:
    """Return the names of the packaged sets."""
    return tuple(load_yaml(_DATA)["tissues"])


def load_tissue(name: str) -> Tissue:
    """Return a packaged set of parameters.

    Raises
    ------
    PhysicsError
        ``tissue-unknown``, with the names that are valid.
    """
    sets = load_yaml(_DATA)["tissues"]
    if name not in sets:
        raise PhysicsError(f"There are no parameters '{name}': the sets are {', '.join(sets)}.", code="tissue-unknown")
    record = sets[name]
    found = {key: Constant(f"{what} of {name}", **record[key]) for key, what in _KEYS.items() if key in record}
    return Tissue(name, **found, origin=record.get("origin"))


def default_tissue(region: str) -> Tissue | None:
    """Return the set that holds for a region where nothing else is stated, if there is one."""
    for name, record in load_yaml(_DATA)["tissues"].items():
        if record["default"] and region in record["regions"]:
            return load_tissue(name)
    return None


def ebrt_caution() -> str:
    """Return the words that go with every number of external beam radiotherapy, after its name."""
    return str(load_yaml(_DATA)["ebrt_caution"]["value"])


def ebrt_finding(what: str, where: str) -> Finding:
    """Return the caution that goes with a parameter of external beam radiotherapy."""
    return Finding("parameter-from-external-beam", "warning", f"{what} {ebrt_caution()}.", where)
