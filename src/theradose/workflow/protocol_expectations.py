"""The precomputed accuracy of every packaged protocol: ``make protocols`` writes it into the packaged data.

Beside the protocol as it is, each is simulated without each of its visits, and with one visit more at every time that
the therapy offers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import as_file, files

from theradose.model.accuracy import Accuracy, Expectation, Expectations, OneMoreVisit
from theradose.model.protocol import MeasurementKind, Protocol
from theradose.plan.therapies import require_therapy
from theradose.provenance import package_version
from theradose.workflow.protocol_accuracy import (
    SimulatedVisit,
    planned_visits,
    simulate_accuracy,
    simulation_setting,
)
from theradose.workflow.protocols import EXPECTATIONS, load_protocol, protocol_names

_ADDED_STREAM = 1000
_SOURCE = (
    "Theradose: simulation of virtual cohorts (simulation/populations.yaml) measured by the visits of the protocol; "
    "calibration, recovery, volume and S value come on top"
)


def compute_expectations(
    names: tuple[str, ...],
    *,
    patients: int,
    patients_of_variants: int,
    seed: int,
    progress: Callable[[str], None] = lambda name: None,
) -> Expectations:
    """Simulate protocols.

    Parameters
    ----------
    names : tuple of str
        Packaged protocols.
    patients, patients_of_variants : int
        Sizes of the cohorts for a protocol as it is, and with one visit more or less.
    seed : int
        Of the cohorts.
    progress : callable
        Told the name of each protocol as it begins.
    """
    found: dict[str, Expectation] = {}
    for name in names:
        progress(name)
        protocol = load_protocol(name)
        accuracy = accuracies(protocol, planned_visits(protocol), patients=patients, seed=seed)
        if accuracy:
            found[name] = _with_variants(protocol, accuracy, patients=patients_of_variants, seed=seed)
    return Expectations(
        source=_SOURCE,
        status="unverified",
        software=f"theradose {package_version()}",
        seed=seed,
        patients=patients,
        patients_of_variants=patients_of_variants,
        protocols=found,
    )


def accuracies(
    protocol: Protocol, visits: tuple[SimulatedVisit, ...], *, patients: int, seed: int
) -> dict[str, Accuracy]:
    """Return the accuracy of each simulated result of a protocol; what cannot be integrated is left out."""
    simulated = {
        result.quantity: simulate_accuracy(protocol, result, visits, patients=patients, seed=seed)
        for result in protocol.yields
        if result.population is not None
    }
    return {quantity: accuracy for quantity, accuracy in simulated.items() if accuracy is not None}


def ranking_quantity(protocol: Protocol, accuracy: dict[str, Accuracy]) -> str | None:
    """Return the quantity by which a protocol is judged: the critical one of its therapy, else its first."""
    if protocol.therapy is not None and (critical := require_therapy(protocol.therapy).critical) in accuracy:
        return critical
    return next(iter(accuracy), None)


def _with_variants(protocol: Protocol, accuracy: dict[str, Accuracy], *, patients: int, seed: int) -> Expectation:
    visits = planned_visits(protocol)
    without = {
        protocol.visits[left_out.stream].id: accuracies(
            protocol, tuple(visit for visit in visits if visit is not left_out), patients=patients, seed=seed
        )
        for left_out in visits
        if len(visits) > 1
    }
    tried = _candidates(protocol)
    added = {
        t_h: accuracies(protocol, (*visits, _added(visits[-1], t_h)), patients=patients, seed=seed) for t_h in tried
    }
    quantity = ranking_quantity(protocol, accuracy)
    best = min(
        (t_h for t_h in tried if quantity in added[t_h]), key=lambda t_h: added[t_h][quantity or ""].rms, default=None
    )
    return Expectation(
        accuracy=accuracy,
        paired=accuracies(protocol, visits, patients=patients, seed=seed) if without or added else {},
        without=without,
        one_more=None if best is None else OneMoreVisit(t_h=best, accuracy=added[best]),
        tried_h=tried,
    )


def _candidates(protocol: Protocol) -> tuple[float, ...]:
    """Return the times of the therapy that are not those of a visit already."""
    if protocol.therapy is None:
        return ()
    return tuple(
        t_h
        for t_h in require_therapy(protocol.therapy).candidate_visits_h
        if all(abs(t_h - visit.t_h) > visit.tolerance_h for visit in protocol.visits)
    )


def _added(like: SimulatedVisit, t_h: float) -> SimulatedVisit:
    """Return one more visit, measured as the last one and as punctual in relation to its time."""
    kinds = like.kinds
    if MeasurementKind.PLANAR in kinds:
        kinds = frozenset({MeasurementKind.PLANAR})
    return replace(
        like, stream=_ADDED_STREAM, t_h=t_h, tolerance_h=like.tolerance_h * t_h / max(like.t_h, t_h), kinds=kinds
    )


def main() -> None:
    """Simulate every protocol and write the document into the packaged data."""
    document = compute_expectations(
        protocol_names(),
        patients=int(simulation_setting("patients")),
        patients_of_variants=int(simulation_setting("patients_of_variants")),
        seed=int(simulation_setting("seed")),
        progress=lambda name: print(name, file=sys.stderr),
    )
    with as_file(files("theradose.data").joinpath(EXPECTATIONS)) as path:
        path.write_text(document.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
    print(f"wrote {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
