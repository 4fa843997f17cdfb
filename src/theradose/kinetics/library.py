"""The library of sums of exponentials beyond the default ones, under the names of the literature.

All but ``f3a`` and ``tri`` start from zero or from one amplitude and are written in partial sums. With rates ordered
λ1 < λ2 < …, a curve Σ a_k exp(−λ_k t) equals Σ S_k (exp(−λ_k t) − exp(−λ_{k+1} t)) with S_k = a_1 + … + a_k: if no
partial sum is negative, neither is the curve. The amplitudes of these models are the partial sums S_k, in the order
of the rates, so that

* ``f4``: A1 = S1, A2 = S1 − S2 in A1 e1 − A2 e2 − (A1 − A2) e_bc. The function f4b is the same, and so is f4d, which
  writes it with the integral itself as a parameter; integral and uncertainty come out equal.
* ``f5``: A1 = S1, A2 = S2 − S1 in A1 e1 + A2 e2 − (A1 + A2) e3.
* ``f6``, ``f7``: A1 = S1, A2 = S2 − S1, A3 = S2 − S3 in A1 e1 + A2 e2 − A3 e3 − (A1 + A2 − A3) e_bc, where ``f7``
  fits the last rate.
* ``f8``: A1 = S1, A2 = S2 − S1, A3 = S3 − S2, A4 = S3 − S4.
* ``thyroid``: transfer into the gland and back, with activity in it at the start: U (e1 − e2) + a1 e2 with
  U = λa / (λa + λb − λc), rates λc and λa + λb, each with physical decay.

References
----------
[Hardiansyah2021]_ The functions f2 to f8.
[Hardiansyah2023]_ The function f4d.
[Hardiansyah2025]_ The thyroid function with activity at the start.
"""

from __future__ import annotations

import math

from theradose.data import load_yaml
from theradose.kinetics.exponential import ExponentialModel
from theradose.kinetics.models import curve_models


def _circulation_rate_per_h() -> float:
    half_life = load_yaml("kinetics/circulation.yaml")["circulation_half_life"]
    return math.log(2) / float(half_life["value"])


def _partial_sums(n_amplitudes: int) -> tuple[tuple[float, ...], ...]:
    """Return the coefficients of n + 1 exponentials by n partial sums."""
    return tuple(
        tuple(float(row == column) - float(row == column + 1) for column in range(n_amplitudes))
        for row in range(n_amplitudes + 1)
    )


_CIRCULATION = (_circulation_rate_per_h(),)

_LIBRARY = (
    (
        ExponentialModel("tri", ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))),
        "three phases of clearance, all amplitudes positive",
        "Kletting2013",
    ),
    (
        ExponentialModel("f3a", ((1.0, 0.0), (0.0, 1.0)), fixed_biological_rates_per_h=(0.0,)),
        "one phase of clearance and one that leaves by physical decay alone",
        "Hardiansyah2021",
    ),
    (
        ExponentialModel("f4", _partial_sums(2), fixed_biological_rates_per_h=_CIRCULATION),
        "two phases after filling from the blood within minutes (also f4b, f4d)",
        "Hardiansyah2023",
    ),
    (
        ExponentialModel("f5", _partial_sums(2)),
        "two phases of clearance after uptake",
        "Hardiansyah2021",
    ),
    (
        ExponentialModel("f6", _partial_sums(3), fixed_biological_rates_per_h=_CIRCULATION),
        "three phases after filling from the blood within minutes",
        "Hardiansyah2021",
    ),
    (
        ExponentialModel("f7", _partial_sums(3)),
        "three phases after filling, its rate fitted",
        "Hardiansyah2021",
    ),
    (
        ExponentialModel("f8", _partial_sums(4), fixed_biological_rates_per_h=_CIRCULATION),
        "four phases after filling from the blood within minutes",
        "Hardiansyah2021",
    ),
    (
        ExponentialModel("thyroid", ((1.0, 0.0), (-1.0, 1.0))),
        "uptake by the thyroid with activity in it at the start, then clearance",
        "Hardiansyah2025",
    ),
)

for _model, _summary, _citation in _LIBRARY:
    curve_models.register(_model.name, summary=_summary, citation=_citation)(_model)
