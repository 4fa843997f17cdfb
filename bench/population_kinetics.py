"""How well few points tell the integral of a kidney, by a population and by other methods.

Virtual kidneys of ``data/simulation/populations.yaml``: ``lu177-dotatate`` (a surrogate, uptake and one phase, here
with an amplitude of 3 % of the administered activity, log-normal, 35 %), and ``lu177-psma`` (drawn from published
activities at five times, exponential between them, which no form describes exactly). A population is estimated from
some of them, measured four or five times with 5 % noise, and further ones are integrated from one or two points. Some
of these are of another population than the one that was estimated: half-lives 1.3 times as long, or a slow phase of
130 h added.

For each row: root mean square deviation, mean deviation, share beyond 10 %, and for the population how often its 90 %
interval holds the truth, how often a patient is flagged, and how often a group of 30 is.

Usage: python bench/population_kinetics.py [new patients per cohort] [cohorts]
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import math
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np

from theradose.kinetics.population import population_of, population_setting
from theradose.kinetics.population_compare import PopulationCurve
from theradose.kinetics.population_fit import fit_population
from theradose.kinetics.population_forms import phase_form
from theradose.kinetics.population_posterior import PopulationPoints, posterior, shift_probability
from theradose.nuclides import load_nuclide
from theradose.simulate.patient import KineticCurve
from theradose.simulate.population import PiecewiseExponential, load_population

LUTETIUM = load_nuclide("Lu-177")
KIDNEYS = {name: load_population(f"{name}/kidneys") for name in ("lu177-dotatate", "lu177-psma")}
TIMES_H = {"lu177-dotatate": (4.0, 24.0, 96.0, 168.0), "lu177-psma": (1.8, 18.7, 42.6, 66.3, 160.3)}
FORMS = {"lu177-dotatate": ("uptake",), "lu177-psma": ("bi", "f4")}
OMEGAS = {"lu177-dotatate": ("diagonal",), "lu177-psma": ("diagonal", "full")}
PERCENT = 0.01
# The rate that a first cycle would tell: of the phase, or of the segment before the last time.
LATE = {"lu177-dotatate": 0, "lu177-psma": -1}
NOISE, JITTER = 0.05, 0.04
AMPLITUDE, AMPLITUDE_SPREAD = 0.03, 0.35
SLOW_HALF_LIFE_H = 130.0
# Change of a patient's half-life between cycles.
CYCLE_CHANGE = 0.05
GROUP = 30


@dataclass(frozen=True, slots=True)
class Shift:
    """How new patients differ from the population: factor of the half-life, share of the amplitude in a slow phase."""

    factor: float = 1.0
    slow_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Deviations of the estimates; for the population also what its intervals and flags did."""

    deviations: np.ndarray
    coverage: float = math.nan
    flagged: float = math.nan
    groups_flagged: float = math.nan

    @property
    def rms(self):
        return math.sqrt(float(np.mean(self.deviations**2)))

    @property
    def beyond(self):
        return float(np.mean(np.abs(self.deviations) > 0.1))


def draw_kidney(rng, shift=Shift(), cohort="lu177-dotatate"):
    """Return the curve of a kidney as fractions of the administered activity."""
    if cohort == "lu177-psma":
        curve = KIDNEYS[cohort].draw(rng)
        return PiecewiseExponential(curve.t_h, curve.log_activity + math.log(PERCENT))
    while True:
        curve = KIDNEYS[cohort].draw(rng)
        rates = np.array(curve.rates_per_h)
        rates[0] /= shift.factor
        if rates[0] > LUTETIUM.decay_constant_per_h:
            break
    amplitude = AMPLITUDE * math.exp(AMPLITUDE_SPREAD * rng.standard_normal())
    if not shift.slow_share:
        return KineticCurve(amplitude * np.array([1.0, -1.0]), rates)
    shares = np.array([1 - shift.slow_share, shift.slow_share, -1.0])
    return KineticCurve(amplitude * shares, np.array([rates[0], math.log(2) / SLOW_HALF_LIFE_H, rates[1]]))


def measure(curve, times_h, rng):
    """Return noisy points near the planned times."""
    times = np.array(times_h) * (1 + JITTER * rng.uniform(-1, 1, len(times_h)))
    fractions = curve.activity_mbq(times) * (1 + NOISE * rng.standard_normal(len(times)))
    return PopulationPoints(times, fractions, np.full(len(times), NOISE))


@cache
def estimate(patients, seed, cohort):
    """Return a population from the given number of kidneys."""
    rng = np.random.default_rng([seed, patients, 0])
    curves = [
        PopulationCurve(f"{number}", "kidney", measure(draw_kidney(rng, cohort=cohort), TIMES_H[cohort], rng))
        for number in range(patients)
    ]
    forms = [phase_form(name, decay_constant_per_h=LUTETIUM.decay_constant_per_h) for name in FORMS[cohort]]
    fitted = fit_population(curves, forms=forms, omegas=OMEGAS[cohort])
    return population_of(fitted.stated, measured_with=LUTETIUM, nuclide=LUTETIUM)


def of_population(population, points, truths):
    """Return the outcome of the posterior."""
    found = posterior(population, points)
    low, high = found.integral_h[:, 2:].T
    level = population_setting("mismatch_probability")
    groups = [points[start : start + GROUP] for start in range(0, len(points), GROUP)]
    return Outcome(
        found.integral_h[:, 0] / truths - 1,
        coverage=float(np.mean((low <= truths) & (truths <= high))),
        flagged=float(np.mean(found.probability < level)),
        groups_flagged=float(np.mean([shift_probability(population, group) < level for group in groups])),
    )


def of_single_points(points, truths, half_lives):
    """Return A(t) exp(kt)/k with assumed half-lives; without any, A(t) 2t/ln 2."""
    times, fractions = (np.array([getattr(item, name)[0] for item in points]) for name in ("t_h", "fraction"))
    if half_lives is None:
        return Outcome(fractions * 2 * times / math.log(2) / truths - 1)
    rates = math.log(2) / half_lives
    return Outcome(fractions * np.exp(rates * times) / rates / truths - 1)


def simulate(*, patients, times_h, new, seed, shift=Shift(), cohort="lu177-dotatate"):
    """Return the outcome of every method for new patients after a population of the given size."""
    population, rng = estimate(patients, seed, cohort), np.random.default_rng([seed, patients, 1])
    curves = [draw_kidney(rng, shift, cohort) for _ in range(new)]
    points = [measure(curve, times_h, rng) for curve in curves]
    truths = np.array([curve.tia_mbq_h for curve in curves])
    outcomes = {"population": of_population(population, points, truths)}
    if len(times_h) == 1:
        own = np.array([math.log(2) / curve.rates_per_h[LATE[cohort]] for curve in curves])
        changed = np.minimum(own * np.exp(CYCLE_CHANGE * rng.standard_normal(new)), LUTETIUM.half_life_h.value)
        (median,), _ = population.quantiles((0.5,))
        outcomes["haenscheid"] = of_single_points(points, truths, None)
        outcomes["madsen"] = of_single_points(points, truths, np.full(new, median))
        outcomes["earlier half-life"] = of_single_points(points, truths, changed)
    return outcomes


def main(new, cohorts):
    early_late = ((24.0,), (96.0,), (4.0, 96.0))
    cases = [("lu177-dotatate", patients, times, Shift()) for patients in (20, 50, 100) for times in early_late]
    shifts = (Shift(factor=1.3), Shift(slow_share=0.05), Shift(slow_share=0.1))
    cases += [("lu177-dotatate", 50, times, shift) for shift in shifts for times in early_late]
    cases += [
        ("lu177-psma", patients, times, Shift())
        for patients in (20, 60)
        for times in ((42.6,), (66.3,), (18.7, 66.3), (42.6, 160.3))
    ]
    print(
        "| cohort | patients | shift | times h | method | rms | mean | > 10 % | coverage | flagged | groups flagged |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for cohort, patients, times, shift in cases:
        runs = [
            simulate(patients=patients, times_h=times, new=new, seed=seed, shift=shift, cohort=cohort)
            for seed in range(cohorts)
        ]
        for method in runs[0]:
            outcomes = [run[method] for run in runs]
            deviations = np.concatenate([outcome.deviations for outcome in outcomes])
            whole = Outcome(deviations)
            shares = [
                f"{np.mean([getattr(outcome, name) for outcome in outcomes]):.3f}" if method == "population" else ""
                for name in ("coverage", "flagged", "groups_flagged")
            ]
            named = "none" if shift == Shift() else f"T × {shift.factor:g}, slow {shift.slow_share:.0%}"
            print(
                f"| {cohort} | {patients} | {named} | {', '.join(f'{t:g}' for t in times)} | {method} | "
                f"{whole.rms:.3f} | {deviations.mean():+.3f} | {whole.beyond:.3f} | {' | '.join(shares)} |",
                flush=True,
            )


if __name__ == "__main__":
    arguments = [int(word) for word in sys.argv[1:]]
    main(*(arguments + [300, 10][len(arguments) :]))
