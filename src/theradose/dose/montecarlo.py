"""Dose by Monte Carlo: electrons and photons through the patient's tissues.

References
----------
[Salvat2019]_ The transport; :mod:`theradose.radiation.transport` says what it does.
"""

from __future__ import annotations

from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.simulation import Simulation
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding

MONTE_CARLO = "montecarlo"
"""Name of the engine."""


@dose_engines.register(
    MONTE_CARLO,
    summary="Coupled transport of electrons and photons through the patient's tissues, with statistical uncertainty",
    citation="Salvat2019",
)
def monte_carlo_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose map of a Monte Carlo.

    The regions of the request that are large and hold enough activity steer it; see ``TransportSettings``.

    References
    ----------
    [Salvat2019]_
    """
    return Simulation(request, ("electron", "photon")).run(MONTE_CARLO)
