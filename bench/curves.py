"""How well integrals of simulated curves are found: every model, 5 % noise, three to six more points than parameters.

Each curve has its own parameters and noise: terminal half-lives of 35 to 100 h, phases three- to eightfold apart, and
the last point at two to four terminal half-lives. It is integrated over the average of the default models and the model
that made it, from points whose stated uncertainty is 5 % of what was measured. For each model: the deviation from the
truth, and how often the stated 95 % interval holds it.

Usage: python bench/curves.py [curves per model]
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

import numpy as np

from theradose.kinetics.integrate import default_models, integrate_curve
from theradose.kinetics.models import curve_integral, curve_models, curve_value
from theradose.model.curve import TimeActivityCurve
from theradose.nuclides import load_nuclide

NOISE = 0.05
LUTETIUM = load_nuclide("Lu-177")
MODELS = ("mono", "uptake", "f3a", "bi", "thyroid", "f4", "f5", "tri", "f6", "f7", "f8")


@dataclass(frozen=True, slots=True)
class Truth:
    times_h: np.ndarray
    activity_mbq: np.ndarray
    tia_mbq_h: float


def draw_truth(model, generator):
    """Return a curve whose phases are three- to eightfold apart and whose points see each of them."""
    probe = curve_models.get(model).bind(t_h=np.ones(1), decay_constant_per_h=LUTETIUM.decay_constant_per_h)
    n_rates = len(probe.parameters) - probe.n_linear
    slowest_half_life_h = generator.uniform(35, 100)
    steps = np.exp(generator.uniform(math.log(3), math.log(8), n_rates - 1))
    rates = math.log(2) / slowest_half_life_h * np.cumprod([1.0, *steps])
    amplitudes = 100 * np.exp(generator.uniform(math.log(0.5), math.log(2), probe.n_linear))
    parameters = np.array([*amplitudes, *rates])
    terminal_h = math.log(2) / probe.terminal_rate(amplitudes, rates)[0]
    first = min(0.5 * math.log(2) / rates[-1], 0.1 * terminal_h)
    late = terminal_h * np.geomspace(0.6, generator.uniform(2.0, 4.0), 4)
    early = np.geomspace(first, 0.4 * terminal_h, len(parameters) - 1 + generator.integers(0, 4))
    times = np.concatenate([early, late])
    return Truth(times, curve_value(probe, parameters, times), curve_integral(probe, parameters))


def simulate(model, *, curves, seed):
    """Return the relative deviations of the integrals and which intervals hold the truth."""
    generator = np.random.default_rng(seed)
    deviations, inside = np.empty(curves), np.empty(curves, bool)
    for i in range(curves):
        truth = draw_truth(model, generator)
        activity = truth.activity_mbq * (1 + NOISE * generator.standard_normal(len(truth.times_h)))
        curve = TimeActivityCurve("region", truth.times_h, activity, NOISE * activity, {}, "simulated")
        names = tuple(dict.fromkeys((*default_models(len(activity)), model)))
        value = integrate_curve(curve, nuclide=LUTETIUM, models=names)[0].value
        deviations[i] = value.value / truth.tia_mbq_h - 1
        inside[i] = abs(value.value - truth.tia_mbq_h) <= 1.96 * value.u
    return deviations, inside


def main() -> None:
    # Only the script writes a page; tests load this module for its curves.
    from page import table, write_section

    curves = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rows = []
    for seed, model in enumerate(MODELS):
        started = time.process_time()
        deviations, inside = simulate(model, curves=curves, seed=seed)
        elapsed_ms = (time.process_time() - started) / curves * 1000
        low, high = np.percentile(deviations, [5, 95])
        largest = np.abs(deviations).max()
        rows.append([f"`{model}`", f"{low:+.1%}", f"{high:+.1%}", f"{largest:.1%}", f"{inside.mean():.1%}",
                     f"{elapsed_ms:.0f}"])  # fmt: skip
        print(" ".join(f"{cell:>10}" for cell in rows[-1]), flush=True)
    headers = ["made by", "P5", "P95", "largest", "95 % interval holds", "processor ms per curve"]
    write_section(
        "Integrals of time-activity curves",
        [
            f"{curves} curves per model with 5 % noise, K + 3 to K + 6 points, the last at two to four terminal "
            "half-lives of 35 to 100 h; the average of the default models and the one that made the curve. Deviation "
            "of the integral from the truth:",
            "",
            *table(headers, rows),
        ],
    )


if __name__ == "__main__":
    main()
