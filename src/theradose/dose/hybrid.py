"""Electrons by convolution, photons by Monte Carlo.

In soft tissue of nearly one density the electrons of therapy do not see where they are, while photons cross the whole
body with its lung, bone and air.

References
----------
[Bolch1999]_ Convolution with voxel S values; [Salvat2019]_ the transport.
"""

from __future__ import annotations

import numpy as np

from theradose.dose.engines import DoseRequest, dose_engines
from theradose.dose.kernel import kernel_findings
from theradose.dose.kernel_scaled import density_scaled_energy
from theradose.dose.simulation import Simulation
from theradose.model.dose import DoseMap
from theradose.model.finding import Finding

HYBRID = "hybrid"
"""Name of the engine."""


@dose_engines.register(
    HYBRID,
    summary="Electrons by convolution over each voxel's own mass, photons by Monte Carlo in the patient's tissues",
    citation="Bolch1999",
)
def hybrid_dose(request: DoseRequest) -> tuple[DoseMap, tuple[Finding, ...]]:
    """Return the dose map; its statistical uncertainty is that of the photons, electrons have none.

    References
    ----------
    [Bolch1999]_, [Salvat2019]_
    """
    electrons = density_scaled_energy(request, radiations=("electron",))
    per_decay = np.zeros(request.tia.grid.shape)
    per_decay[electrons.box] = np.maximum(electrons.parts["electron"], 0.0) / electrons.tia_mbq_h
    dose, findings = Simulation(request, ("photon",), electron_kev=per_decay).run(HYBRID)
    return dose, (*findings, *kernel_findings(request, electrons))
