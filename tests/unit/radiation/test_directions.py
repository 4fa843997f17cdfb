import numpy as np
import pytest

from theradose.radiation.directions import octant_directions


@pytest.mark.parametrize("edge", [1, 2, 7, 48])
def test_directions_cover_the_octant_evenly(edge):
    directions, weights = octant_directions(edge)
    assert directions.shape == (edge**2, 3)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    assert (directions > 0).all()
    assert weights.sum() == pytest.approx(1)
    # The mean square of a coordinate over the sphere is 1/3, by symmetry for any set that allows an exchange of axes.
    assert np.allclose(weights @ directions**2, 1 / 3)


def test_an_exchange_of_axes_changes_nothing():
    directions, _ = octant_directions(5)
    exchanged = {tuple(np.round(direction[[1, 0, 2]], 12)) for direction in directions}
    assert exchanged == {tuple(np.round(direction, 12)) for direction in directions}


def test_means_over_the_octant_converge():
    """Mean of a coordinate 1/2, of its fourth power 1/5, of the product of two 2/(3 π)."""
    directions, weights = octant_directions(48)
    assert weights @ directions[:, 0] == pytest.approx(1 / 2, rel=1e-3)
    assert weights @ directions[:, 2] ** 4 == pytest.approx(1 / 5, rel=1e-3)
    assert weights @ (directions[:, 0] * directions[:, 1]) == pytest.approx(2 / (3 * np.pi), rel=1e-3)
