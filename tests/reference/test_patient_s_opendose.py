"""S values of a voxel phantom of a patient by Monte Carlo, with its CT, against tables of reference adults.

The organs are larger or smaller than those of the reference man by up to 40 %: the tables are scaled to their masses.
"""

import numpy as np
import pytest

from theradose.acquire.labels import distribute_activity, read_label_segmentation
from theradose.acquire.load import load_ct
from theradose.dose.energy import emitted_energy
from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.dose.organ_s import organ_doses
from theradose.dose.patient_s import patient_s_values
from theradose.dose.s_import import prepare_table
from theradose.dose.svalues import load_organ_factors
from theradose.formats.s_table import read_s_table
from theradose.formats.s_table_csv import write_s_table
from theradose.formats.s_table_statement import Stated
from theradose.nuclides import load_nuclide
from theradose.spatial.density import density_map
from theradose.uncertainty import Uncertain

# Label and activity in MBq (../shared/data/README.md); the spleen is stated, the sides follow from the position.
ORGANS = {"liver": (15000, 104.0), "spleen": (16000, 34.2), "left-kidney": (17000, 31.2), "right-kidney": (18000, 37.2)}
# Any time course will do: that of the test of the main job on this phantom.
HALF_LIFE_H = 55.0
TIA_MBQ_H = {name: mbq * HALF_LIFE_H / np.log(2) for name, (_, mbq) in ORGANS.items()}
LUTETIUM = load_nuclide("Lu-177")
ENERGY = emitted_energy(LUTETIUM)
DECAYS = 50_000


@pytest.fixture(scope="module")
def patient(shared_data):
    """Density and organs."""
    folder = shared_data / "images" / "lu177_phantom_patient15"
    labels = {label: name for name, (label, _) in ORGANS.items()}
    segmentation, _ = read_label_segmentation(folder / "patient15_LuDOTATATE_src.h33", labels)
    ct, _ = load_ct(folder / "patient15_LuDOTATATE_attn.h33")
    density, _ = density_map(ct, segmentation.grid)
    return density, segmentation


@pytest.fixture(scope="module")
def table(patient, tmp_path_factory):
    """The table of the patient as it is read from its file."""
    density, segmentation = patient
    computed, _ = patient_s_values(
        density=density,
        segmentation=segmentation,
        nuclide=LUTETIUM,
        engine="montecarlo",
        transport=transport_settings(histories=DECAYS),
    )
    path = tmp_path_factory.mktemp("s") / "patient.csv"
    write_s_table(computed, path)
    return read_s_table(path, stated=Stated("Lu-177"))


@pytest.fixture(scope="module")
def reference(shared_data):
    folder = shared_data / "svalues" / "opendose_icrp110" / "ICRP_110_AM"
    return prepare_table(table=read_s_table(folder, stated=Stated("Lu-177")), energy=ENERGY)[0]


def scaled_self_s(table, organ, mass_g):
    dose, _ = organ_doses(
        tia_mbq_h={organ: Uncertain(1.0)}, s_table=table, patient_mass_g={organ: Uncertain(mass_g)}, energy=ENERGY
    )
    return dose.dose(organ).dose_gy.value


@pytest.mark.parametrize("organ", ORGANS)
def test_self_s_values_are_those_of_opendose_at_the_same_mass(table, reference, organ):
    """Within 2 %: 0.4 % by the evaluation of the decay, 0.2 % of statistics, another shape for a tenth of the dose."""
    own = table.value(target=organ, source=organ)
    assert own.relative_u < 0.002
    assert own.gy_per_mbq_h == pytest.approx(scaled_self_s(reference, organ, table.mass_g[organ]), rel=0.02)


@pytest.mark.parametrize("organ", ["liver", "spleen"])
def test_self_s_values_are_those_of_olinda_at_the_same_mass(table, organ):
    """The same, with the three digits of the built-in table."""
    expected = scaled_self_s(load_organ_factors("Lu-177", "M"), organ, table.mass_g[organ])
    assert table.value(target=organ, source=organ).gy_per_mbq_h == pytest.approx(expected, rel=0.025)


def test_organs_that_touch_get_more_than_those_far_away(table):
    """The left kidney lies below the spleen, the right one beside the liver."""
    for target, near, far in (("left-kidney", "spleen", "liver"), ("right-kidney", "liver", "spleen")):
        assert table.value(target=target, source=near).gy_per_mbq_h > 2 * table.value(
            target=target, source=far
        ).gy_per_mbq_h  # fmt: skip


def test_the_sum_over_sources_is_the_dose_of_one_map_with_all_activity(patient, table):
    """Two independent samples of the same; each mean is known within 0.1 %, so 0.5 % is five standard uncertainties."""
    density, segmentation = patient
    doses, _ = organ_doses(
        tia_mbq_h={name: Uncertain(tia) for name, tia in TIA_MBQ_H.items()},
        s_table=table,
        patient_mass_g={},
        energy=ENERGY,
    )
    request = DoseRequest(
        distribute_activity(segmentation, TIA_MBQ_H),
        density,
        LUTETIUM,
        transport=transport_settings(histories=4 * DECAYS),
    )
    at_once, _ = dose_engines.get("montecarlo")(request)
    for name in ORGANS:
        voxels = segmentation.voxels_of(name)
        inside = voxels.fraction > 0
        mean = np.average(at_once.data[voxels.box][inside], weights=density.data[voxels.box][inside])
        dose = doses.dose(name).dose_gy
        assert dose.value == pytest.approx(mean, rel=5e-3)
        own = dose.contributions[f"s-value-statistics:{name}<-{name}"]
        assert 0 < own < 2e-3 * dose.value
