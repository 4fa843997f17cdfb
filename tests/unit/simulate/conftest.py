"""A camera and a patient for tests of the simulator."""

from __future__ import annotations

import pytest

from theradose.simulate.camera import Camera, load_camera
from theradose.simulate.patient import DigitalPatient, make_patient


@pytest.fixture(scope="session")
def camera() -> Camera:
    """The simulated SPECT/CT."""
    return load_camera()


@pytest.fixture(scope="session")
def patient(camera: Camera) -> DigitalPatient:
    """The patient of the demonstration."""
    return make_patient(seed=177, camera=camera)
