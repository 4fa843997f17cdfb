"""The documents in the documentation hold what the packaged kernels give."""

import json

import numpy as np
import pytest

from theradose.dose.sphere import ellipsoid_s_value
from theradose.dose.voxel_s import voxel_s_values


@pytest.fixture
def example(request):
    folder = request.config.rootpath / "docs/formats/examples/kernels"
    return lambda name: json.loads((folder / name).read_text(encoding="utf-8"))


def test_kernel(example):
    expected = example("kernel.json")
    found = voxel_s_values(nuclide="Lu-177", spacing_mm=(4.8,) * 3, size=(3, 3, 3)).to_json()
    assert np.allclose(found["s_mgy_per_mbq_s"], expected["s_mgy_per_mbq_s"], rtol=1e-6)
    assert found["kernel"] == expected["kernel"]
    assert found["relative_u"] == pytest.approx(expected["relative_u"])


def test_sphere(example):
    expected = example("sphere.json")
    found = ellipsoid_s_value(nuclide="Lu-177", mass_g=20).to_json()
    assert found["s_mgy_per_mbq_s"] == pytest.approx(expected["s_mgy_per_mbq_s"], rel=1e-6)
    for radiation in ("electron", "photon"):
        fraction = expected["absorbed_fraction"][radiation]
        assert found["absorbed_fraction"][radiation] == pytest.approx(fraction, rel=1e-6)
    assert found["kernel"] == expected["kernel"]
