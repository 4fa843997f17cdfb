"""Curves of R's data sets, on the scale on which their parameters vary."""

import numpy as np


class Biexponential:
    """A1 exp(-exp(lrc1) t) + A2 exp(-exp(lrc2) t), R's SSbiexp."""

    parameters = ("A1", "lrc1", "A2", "lrc2")

    def value(self, phi, x):
        return sum(amplitude * np.exp(-rate * x[..., 0]) for amplitude, rate in self._phases(phi))

    def gradient(self, phi, x):
        columns = []
        for amplitude, rate in self._phases(phi):
            fall = np.exp(-rate * x[..., 0])
            columns += [fall + 0 * amplitude, -amplitude * rate * x[..., 0] * fall]
        return np.stack(columns, axis=-1)

    def hessian(self, phi, x):
        whole = np.zeros((*np.broadcast_shapes(phi.shape[:-1], x.shape[:-1]), 4, 4), phi.dtype)
        for k, (amplitude, rate) in zip((0, 2), self._phases(phi), strict=True):
            passed = rate * x[..., 0]
            fall = np.exp(-passed)
            whole[..., k, k + 1] = whole[..., k + 1, k] = -passed * fall
            whole[..., k + 1, k + 1] = amplitude * fall * passed * (passed - 1)
        return whole

    @staticmethod
    def _phases(phi):
        return (phi[..., 0], np.exp(phi[..., 1])), (phi[..., 2], np.exp(phi[..., 3]))


class Numerical:
    """A curve given by its values alone: derivatives by complex steps and their differences."""

    def __init__(self, parameters, value):
        self.parameters, self.value = parameters, value

    def gradient(self, phi, x):
        steps = 1e-30j * np.eye(phi.shape[-1])
        return np.stack([self.value(phi + step, x).imag / 1e-30 for step in steps], axis=-1)

    def hessian(self, phi, x):
        steps = 1e-5 * np.eye(phi.shape[-1])
        return np.stack([(self.gradient(phi + s, x) - self.gradient(phi - s, x)) / 2e-5 for s in steps], axis=-1)


def _absorbed(phi, x):
    dose, t = x[..., 0], x[..., 1]
    elimination, absorption, clearance = (np.exp(phi[..., k]) for k in range(3))
    fall = np.exp(-elimination * t) - np.exp(-absorption * t)
    return dose * elimination * absorption * fall / (clearance * (absorption - elimination))


ABSORPTION = Numerical(("lKe", "lKa", "lCl"), _absorbed)
"""Oral dose with first-order absorption, R's SSfol; x holds dose and time."""
