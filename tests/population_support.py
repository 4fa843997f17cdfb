"""Populations for tests: stated ones, and curves drawn from them."""

import json

import numpy as np

from theradose.formats.population_record import population_document
from theradose.kinetics.population import population_of
from theradose.kinetics.population_compare import PopulationCurve
from theradose.kinetics.population_forms import phase_form
from theradose.kinetics.population_posterior import PopulationPoints
from theradose.model.population import PopulationFit, PopulationRecord, RegionPopulation
from theradose.nuclides import load_nuclide

LUTETIUM = load_nuclide("Lu-177")
UPTAKE = phase_form("uptake", decay_constant_per_h=LUTETIUM.decay_constant_per_h)
MEAN = np.log([0.032, 0.0095, 0.35])
SPREAD = np.array([0.32, 0.25, 0.35])
FIT = PopulationFit(
    method="laplace", omega="diagonal", error="stated", log_likelihood=0.0, aic=0.0, bic=0.0, converged=True,
    singular=False, shrinkage=(None, None, None),
)  # fmt: skip


def stated(**changes):
    """Return a population of kidneys whose mean is nearly known."""
    values = {
        "regions": ("left-kidney", "right-kidney"),
        "form": "uptake",
        "parameters": UPTAKE.parameters,
        "mean": tuple(MEAN.tolist()),
        "covariance_of_mean": tuple(map(tuple, (1e-4 * np.eye(3)).tolist())),
        "omega": tuple(map(tuple, np.diag(SPREAD**2).tolist())),
        "error_scale": 1.0,
        "error_u": 0.0,
        "patients": 1000,
        "curves": 2000,
        "points": 8000,
        "t_h": (1.0, 200.0),
        "fit": FIT,
    }
    return RegionPopulation(**{**values, **changes})


def member(**changes):
    return population_of(stated(**changes), measured_with=LUTETIUM, nuclide=LUTETIUM)


def write_record(path, **changes):
    """Write a record of kidneys."""
    record = PopulationRecord(
        created="2026-03-02T10:00:00+00:00", software={}, sources=(),
        **{"nuclide": "Lu-177", "therapy": "lu177-dotatate", "populations": (stated(),), **changes},
    )  # fmt: skip
    path.write_text(json.dumps(population_document(record)), encoding="utf-8")
    return path


def drawn_curves(count, times, *, seed, noise=0.05, regions=("left-kidney",), mean=MEAN, spread=SPREAD):
    """Return curves of as many patients, and their parameters."""
    rng = np.random.default_rng(seed)
    curves, parameters = [], []
    for patient in range(count):
        for region in regions:
            phi = mean + spread * rng.standard_normal(3)
            t_h = np.array(times) * (1 + 0.03 * rng.uniform(-1, 1, len(times)))
            value = np.exp(UPTAKE.value(np.broadcast_to(phi, (len(t_h), 3)), t_h[:, None]))
            points = PopulationPoints(
                t_h, value * np.exp(noise * rng.standard_normal(len(t_h))), np.full(len(t_h), noise)
            )
            curves.append(PopulationCurve(f"P{patient}", region, points))
            parameters.append(phi)
    return curves, np.array(parameters)


def curves_table(path, curves, *, activity_mbq=7400.0):
    """Write curves as a table."""
    lines = ["subject,region,t_h,activity_mbq,u_mbq"]
    for curve in curves:
        points = curve.points
        for t_h, fraction, u in zip(points.t_h, points.fraction, points.relative_u, strict=True):
            activity = activity_mbq * fraction
            lines.append(f"{curve.patient},{curve.region},{t_h:.4f},{activity:.6g},{u * activity:.6g}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
