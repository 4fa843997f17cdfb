"""What published doses say of a patient's cycles, and how the next one lies to the trial that is followed.

References
----------
[deWit2023]_ Doses per cycle of the trials.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import permutations

from theradose.data import load_yaml
from theradose.model.finding import Finding
from theradose.model.plan import PlannedDose
from theradose.model.region import RegionKind
from theradose.plan.cycles.ledger import Ledger
from theradose.plan.inputs.prrt import PrrtInput
from theradose.plan.limits import parts_of
from theradose.plan.reference_ranges import MARROW_METHODS, RED_MARROW, plausibility_findings
from theradose.plan.wording import activity_words
from theradose.spatial.naming import paired_regions
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


def activity_findings(activity_mbq: float | None, *, style: str) -> tuple[Finding, ...]:
    """Return whether the activity lies outside what the trial whose style is followed gave in a cycle.

    References
    ----------
    [deWit2023]_
    """
    ends = load_yaml("cycles.yaml")["styles"][style]["value"].get("given_gbq_per_cycle")
    if ends is None or activity_mbq is None or ends[0] <= activity_mbq / MBQ_PER_GBQ <= ends[1]:
        return ()
    return (
        Finding(
            "activity-outside-trial",
            "warning",
            f"The activity of {activity_words(activity_mbq)} is outside the {ends[0]} to {ends[1]} GBq that the "
            "trial gave in a cycle: check the units of activities and doses.",
        ),
    )


def partner_findings(ledger: Ledger, *, limited: Collection[str]) -> tuple[Finding, ...]:
    """Return where one of a pair is lost and the other was not measured since, or has no dose though it is not lost.

    Parameters
    ----------
    ledger : Ledger
        All cycles so far.
    limited : collection of str
        Organs under limits: one of their sides without a dose is critical.

    References
    ----------
    [deWit2023]_
    """
    findings = []
    for pair, sides in paired_regions().items():
        for lost, left in permutations(sides, 2):
            if left in ledger.regions and lost not in ledger.regions and lost not in ledger.absent:
                findings.append(
                    Finding(
                        "partner-missing",
                        "critical" if pair in limited else "warning",
                        f"'{left}' has doses, and '{lost}' has none in any cycle, so that no limit meets it: give its "
                        f"doses, or state that it is 'absent'.",
                        lost,
                    )
                )
            if lost not in ledger.absent or left not in ledger.regions or left in ledger.absent:
                continue
            since = ledger.absent[lost].from_cycle
            if all(cycle.number < since for cycle in ledger.measured(left)):
                findings.append(
                    Finding(
                        "partner-lost",
                        "warning",
                        f"'{left}' was not measured since '{lost}' was lost: it may take up more than before, which "
                        "neither the forecast nor its uncertainty counts.",
                        left,
                    )
                )
    return tuple(findings)


def recognition_findings(ledger: Ledger) -> tuple[Finding, ...]:
    """Return which regions of the history are neither an organ known here nor a lesion, so that no limit meets them.

    References
    ----------
    [deWit2023]_
    """
    unknown = [
        region for region in ledger.regions
        if ledger.kind(region) is RegionKind.OTHER and region not in MARROW_METHODS
    ]  # fmt: skip
    return tuple(
        Finding(
            "region-not-recognised",
            "warning",
            f"'{region}' is no region known here and no lesion, and no packaged limit holds for it: correct the name "
            "(as 'left-kidney'), or state its 'kind'.",
            region,
        )
        for region in unknown
    )


def unused_findings(inputs: PrrtInput, ledger: Ledger) -> tuple[Finding, ...]:
    """Return which statements of the input had no part in the plan, and which comparisons nobody could make.

    References
    ----------
    [deWit2023]_
    """
    findings = []
    if inputs.therapy is None:
        findings.append(
            Finding(
                "therapy-not-stated",
                "warning",
                "Without 'therapy' no dose is compared with published ones, and no activity with a label.",
            )
        )
    record = inputs.first_cycle
    if record is not None and {record.organ, *parts_of(record.organ)} & set(ledger.regions):
        findings.append(
            Finding(
                "first-cycle-not-used",
                "info",
                f"The regression 'first_cycle' is not used, because doses to '{record.organ}' are known.",
            )
        )
    return tuple(findings)


def _published_name(region: str, kind: RegionKind) -> str:
    if kind is RegionKind.LESION:
        return RegionKind.LESION.value
    return RED_MARROW if region in MARROW_METHODS else region
