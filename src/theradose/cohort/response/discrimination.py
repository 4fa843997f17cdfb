"""How well the dose tells responders from others, within a grade.

References
----------
[Warfvinge2024]_ Area under the curve with 10⁴ resamples, best cut-off, sensitivity and specificity of doses.
[DeLong1988]_, [Obuchowski1997]_
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from theradose.errors import StatisticsError
from theradose.model.arrays import Array
from theradose.model.finding import Finding
from theradose.statistics.binary.roc import Auc, OperatingPoint, RocCurve, auc_delong, operating_point, roc, youden
from theradose.statistics.binary.roc_bootstrap import AucBootstrap, auc_bootstrap


@dataclass(frozen=True, slots=True, eq=False)
class Discrimination:
    """Receiver operating characteristic of the dose in one grade.

    Attributes
    ----------
    grade : str
        Of the tumours.
    curve : RocCurve or None
        ``None`` if all responded or none did.
    delong, clustered : Auc or None
        Area with tumours taken for independent, and with patients as clusters.
    bootstrap, bootstrap_clustered : AucBootstrap or None
        Resampled tumours, responders and others apart, and resampled patients.
    best : OperatingPoint or None
        Of Youden's index; only where the relation of dose and response is significant.
    points : tuple of OperatingPoint
        Of the asked doses; likewise.
    refused : str
        Why there is no curve; empty otherwise.
    findings : tuple of Finding
        ``auc-one``.
    """

    grade: str
    curve: RocCurve | None
    delong: Auc | None
    clustered: Auc | None
    bootstrap: AucBootstrap | None
    bootstrap_clustered: AucBootstrap | None
    best: OperatingPoint | None
    points: tuple[OperatingPoint, ...]
    refused: str
    findings: tuple[Finding, ...]

    @property
    def p(self) -> float | None:
        """Of an area as far from 1/2 by chance, with patients as clusters where they have several tumours."""
        leading = self.clustered or self.delong
        return None if leading is None else leading.p


def discriminate(
    *,
    dose_gy: Array,
    response: Array,
    patients: Sequence[str],
    grade: str,
    significant: bool,
    doses_gy: Sequence[float],
    replicates: int,
    seed: int,
    level: float,
    where: str,
) -> Discrimination:
    """Return the receiver operating characteristic of the dose.

    Parameters
    ----------
    dose_gy : ndarray, shape (n,)
        Doses of the tumours of one grade, Gy.
    response : ndarray of bool, shape (n,)
        Whether they responded.
    patients : sequence of str, length n
        Whose they are.
    grade : str
        Of the tumours.
    significant : bool
        Whether the relation of dose and response is; without that no cut-off is stated.
    doses_gy : sequence of float
        Cut-offs whose sensitivity and specificity are wanted, Gy.
    replicates, seed : int
        Of the resampling.
    level : float
        Of the intervals.
    where : str
        Place of findings.

    References
    ----------
    [Warfvinge2024]_, [DeLong1988]_, [Obuchowski1997]_
    """
    try:
        curve = roc(dose_gy, response)
        delong = auc_delong(dose_gy, response, level=level)
    except StatisticsError as error:
        return Discrimination(grade, None, None, None, None, None, None, (), str(error), ())
    draw = partial(auc_bootstrap, dose_gy, response, seed=seed, replicates=replicates, level=level)
    several = len(set(patients)) < len(patients)
    clustered, clustered_draws, findings = None, None, list(delong.findings)
    if several:
        try:
            clustered = auc_delong(dose_gy, response, groups=patients, level=level)
            clustered_draws = draw(groups=patients)
        except StatisticsError as error:
            findings.append(Finding("auc-not-clustered", "info", str(error)))
    return Discrimination(
        grade=grade,
        curve=curve,
        delong=delong,
        clustered=clustered,
        bootstrap=draw(),
        bootstrap_clustered=clustered_draws,
        best=youden(curve, level=level) if significant else None,
        points=tuple(operating_point(curve, dose, level=level) for dose in doses_gy) if significant else (),
        refused="",
        findings=tuple(replace(f, where=f"{where}, {grade}") for f in findings),
    )
