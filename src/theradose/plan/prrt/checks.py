"""What published doses say of a patient's cycles, and how the next one lies to the trial that is followed.

References
----------
[deWit2023]_ Doses per cycle of the trials.
"""

from __future__ import annotations

from collections.abc import Sequence

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.plan import PlannedDose
from theradose.model.region import RegionKind
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.reference_ranges import MARROW_METHODS, RED_MARROW, plausibility_findings
from theradose.units import MBQ_PER_GBQ


def history_findings(ledger: Ledger, *, therapy: str | None) -> list[Finding]:
    """Return where a measured dose per activity lies far outside the published ones.

    References
    ----------
    [deWit2023]_
    """
    return [
        finding
        for region in ledger.regions
        for cycle in ledger.measured(region)
        for finding in plausibility_findings(
            therapy=therapy,
            organ=_published_name(region, ledger.kind(region)),
            dose_per_activity_gy_gbq=cycle.doses[region].dose_gy.value / cycle.activity_mbq * MBQ_PER_GBQ,
            methods=MARROW_METHODS.get(region, ()),
            where=f"{region}, cycle {cycle.number}",
        )
    ]


def trial_findings(doses: Sequence[PlannedDose], *, style: str) -> tuple[Finding, ...]:
    """Return where the next cycle lies outside the doses per cycle of the trial whose style is followed.

    References
    ----------
    [deWit2023]_
    """
    aim = load_yaml("cycles.yaml")["styles"][style]["value"].get("kidney_gy_per_cycle")
    if aim is None:
        return ()
    return tuple(
        Finding(
            "cycle-dose-outside-trial",
            "info",
            f"The next cycle gives {dose.dose_gy.value:.3g} Gy to '{dose.target}'; the trial aimed at {aim[0]} to "
            f"{aim[1]} Gy per cycle.",
            dose.target,
        )
        for dose in doses
        if dose.limit is None and "kidney" in dose.target and not aim[0] <= dose.dose_gy.value <= aim[1]
    )


def _published_name(region: str, kind: RegionKind) -> str:
    if kind is RegionKind.LESION:
        return RegionKind.LESION.value
    return RED_MARROW if region in MARROW_METHODS else region
