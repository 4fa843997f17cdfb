"""The example of the API page runs without a warning and says what is right."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from theradose import load_nuclide

EXAMPLE = Path(__file__).parents[2] / "examples" / "curve_to_dose.py"


def test_curve_to_dose(tmp_path):
    """By hand: a straight line through the logarithms, A₀/λ, and 1.602e-16 J/keV in 157.5 g.

    The points have equal relative uncertainties and lie within 1 % of the line, so that the fit to the activities
    differs from the line by less than 1 %.
    """
    rate, log_start = np.polyfit([4.0, 24.0, 96.0, 168.0], np.log([120.0, 91.0, 33.5, 12.4]), 1) * (-1, 1)
    tia_mbq_h = math.exp(log_start) / rate
    joule_per_decay = load_nuclide("Lu-177").electron_energy_kev.value * 1.602176634e-16
    dose_gy = tia_mbq_h * 3.6e9 * joule_per_decay / 0.1575
    command = [sys.executable, "-W", "error", str(EXAMPLE)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    printed = re.search(r"^dose +([0-9.]+) ± ([0-9.]+) Gy", output, flags=re.MULTILINE)
    assert float(printed[1]) == pytest.approx(dose_gy, rel=0.01)
    shares = [float(share) for share in re.findall(r"(\d+)% of the variance", output)]
    # Fit, calibration, volume, and the dose constant.
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(100, abs=1.5)  # numbers rounded to whole per cent
