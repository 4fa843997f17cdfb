import numpy as np
import pytest

from theradose.errors import PhysicsError
from theradose.model.grid import Grid
from theradose.model.material import MaterialMap

GRID = Grid.axis_aligned((1, 1, 3), (4.0, 4.0, 4.0))
NAMES = {1: "lung", 2: "water", 3: "cortical-bone"}


def materials(*labels, names=NAMES):
    return MaterialMap(np.array(labels).reshape(GRID.shape), GRID, names=names)


def test_labels_become_small_integers_that_cannot_be_changed():
    found = materials(1.0, 2.0, 3.0)
    assert found.data.dtype == np.uint8 and found.data.ravel().tolist() == [1, 2, 3]
    assert not found.data.flags.writeable
    with pytest.raises(TypeError):
        found.names[4] = "air"


@pytest.mark.parametrize(
    ("labels", "said"), [((1, 2, 1.5), "1.5"), ((1, 2, -1), "-1"), ((1, 2, 256), "256"), ((1, 2, np.nan), "nan")]
)
def test_labels_that_are_none_are_refused(labels, said):
    with pytest.raises(PhysicsError, match=f"holds {said}: its labels must be integers from 0 to 255") as refusal:
        materials(*labels)
    assert refusal.value.code == "material-labels"


def test_a_label_without_a_material_is_refused():
    with pytest.raises(PhysicsError, match="label 0, 7, for which no material is named.*1=lung, 2=water") as refusal:
        materials(0, 2, 7)
    assert refusal.value.code == "material-unnamed"
