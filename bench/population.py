"""Population fit of 100 kidneys and posteriors of 500 patients, against a fit of each patient by scipy.

    python bench/population.py

Prints CPU seconds on one core, and the ratio to :func:`scipy.optimize.curve_fit` for each patient, which gives no
population.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time

import numpy as np
from scipy.optimize import curve_fit

from theradose.statistics.nonlinear_mixed.fit import fit_nonlinear_mixed
from theradose.statistics.nonlinear_mixed.population import posterior

TIMES_H = (2.0, 20.0, 44.0, 92.0, 165.0)
PHYSICAL_PER_H = np.log(2) / 159.5


class Uptake:
    """A (exp(-(l + p) t) - exp(-(k + p) t)), its parameters in logarithms."""

    parameters = ("log_a", "log_l", "log_k")

    def _parts(self, phi, x):
        a, slow, fast = (np.exp(phi[..., j]) for j in range(3))
        t = x[..., 0]
        decay = np.exp(-PHYSICAL_PER_H * t)
        return a * decay * np.exp(-slow * t), slow * t, a * decay * np.exp(-fast * t), fast * t

    def value(self, phi, x):
        slow, _, fast, _ = self._parts(phi, x)
        return slow - fast

    def gradient(self, phi, x):
        slow, lt, fast, kt = self._parts(phi, x)
        return np.stack([slow - fast, -lt * slow, kt * fast], axis=-1)

    def hessian(self, phi, x):
        slow, lt, fast, kt = self._parts(phi, x)
        whole = np.zeros((*slow.shape, 3, 3))
        whole[..., 0, 0] = slow - fast
        whole[..., 0, 1] = whole[..., 1, 0] = -lt * slow
        whole[..., 0, 2] = whole[..., 2, 0] = kt * fast
        whole[..., 1, 1], whole[..., 2, 2] = lt * (lt - 1) * slow, -kt * (kt - 1) * fast
        return whole


def cohort(patients, times, rng):
    centre = np.log([2.0, np.log(2) / 80, np.log(2) / 2])
    phi = centre + rng.standard_normal((patients, 3)) * [0.3, 0.25, 0.4]
    x = np.tile(times, (patients, 1))[..., None]
    value = Uptake().value(phi[:, None, :], x)
    return x, value * (1 + 0.04 * rng.standard_normal(value.shape)), 0.04 * value


def timed(work):
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def main():
    rng = np.random.default_rng(1)
    x, y, u = cohort(100, TIMES_H, rng)
    start = {"log_a": 0.5, "log_l": -4.5, "log_k": -1.0}
    flat = {"x": x.reshape(-1, 1), "y": y.ravel(), "u": u.ravel(), "subjects": list(np.repeat(np.arange(100), 5))}

    def each():
        function = lambda t, *phi: Uptake().value(np.array(phi), t[:, None])  # noqa: E731
        for k in range(100):
            curve_fit(function, x[k, :, 0], y[k], p0=list(start.values()), sigma=u[k], maxfev=5000)

    _, reference = timed(each)
    print(f"scipy, patient by patient, no population: {reference:.2f} s")
    for structure in ("diagonal", "full"):
        for method in ("lindstrom-bates", "laplace"):
            fit, seconds = timed(
                lambda m=method, s=structure: fit_nonlinear_mixed(
                    Uptake(), start=start, random=Uptake.parameters, structure=s, residual="scaled", method=m, **flat
                )
            )
            print(f"{method}, {structure}: {seconds:.2f} s ({seconds / reference:.1f} x scipy), {fit.converged}")
    for times in ((96.0,), (4.0, 24.0, 96.0)):
        x, y, u = cohort(500, times, rng)
        _, seconds = timed(lambda x=x, y=y, u=u: posterior(fit.population, x=x, y=y, u=u))
        print(f"posterior of 500 patients from {len(times)} points: {seconds:.3f} s")


if __name__ == "__main__":
    main()
