"""The residence time of the whole body, however it is stated.

References
----------
[Gear2020]_ Mono-exponential retention.
[Haenscheid2009]_ Retention at a single time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from theradose.dose.radioiodine.blood import residence_of_retention
from theradose.dose.radioiodine.constants import NUCLIDE
from theradose.dose.radioiodine.whole_body import residence_of_half_life
from theradose.model.plan import PlanInput
from theradose.model.stated import Stated
from theradose.nuclides import load_nuclide
from theradose.plan.inputs.radioiodine import RetentionReading
from theradose.plan.radioiodine.residence import MeasuredResidence, check_half_life, check_residence
from theradose.plan.wording import stated_words, with_u
from theradose.quantify.whole_body import WHOLE_BODY
from theradose.uncertainty import Uncertain

_WORDS = "whole body"


@dataclass(frozen=True, slots=True, eq=False)
class StatedWholeBody:
    """What an input says about the whole body; exactly one is not ``None``.

    Attributes
    ----------
    residence, half_life : Stated or None
        In h; the half-life is the effective one.
    retention : RetentionReading or None
        At one time.
    measured : MeasuredResidence or None
        By a probe.
    """

    residence: Stated | None = None
    half_life: Stated | None = None
    retention: RetentionReading | None = None
    measured: MeasuredResidence | None = None


def whole_body_residence(given: StatedWholeBody) -> tuple[Uncertain, PlanInput]:
    """Return the residence time in h, with what the reader of a plan sees of it.

    Raises
    ------
    PlanError
        ``half-life-above-physical``, ``residence-above-mean-life``.

    References
    ----------
    [Gear2020]_, [Haenscheid2009]_
    """
    residence, item = _residence(given)
    check_residence(residence.value, of=_WORDS)
    return residence, item


def _residence(given: StatedWholeBody) -> tuple[Uncertain, PlanInput]:
    if given.residence is not None:
        residence = given.residence.from_source(f"residence:{WHOLE_BODY}")
        return residence, PlanInput("residence time of the whole body", stated_words(given.residence, "h"))
    if given.half_life is not None:
        check_half_life(given.half_life.value, of=_WORDS)
        half_life = given.half_life.from_source(f"half-life:{WHOLE_BODY}")
        item = PlanInput("effective half-life of the whole body", stated_words(given.half_life, "h"))
        return residence_of_half_life(half_life_h=half_life), item
    if given.retention is not None:
        return _of_retention(given.retention)
    # The input refuses none at all.
    assert given.measured is not None
    value = f"{with_u(given.measured.value, 'h')}: {given.measured.how}"
    return given.measured.value, PlanInput("residence time of the whole body", value, "probe")


def _of_retention(reading: RetentionReading) -> tuple[Uncertain, PlanInput]:
    decay = 1.0
    if reading.decay == "removed":
        decay = math.exp(-load_nuclide(NUCLIDE).decay_constant_per_h * reading.t)
    retained = reading.retained.from_source(f"retention:{WHOLE_BODY}") * decay
    item = PlanInput(
        f"retained in the whole body at {reading.t:g} h, decay {reading.decay}",
        stated_words(reading.retained, "%", inside="1"),
    )
    return residence_of_retention(retained=retained, t_h=reading.t), item
