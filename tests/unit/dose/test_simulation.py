"""From a request to the scene of the transport and back."""

import numpy as np
import pytest

import theradose.dose.simulation as simulation
from theradose.dose.engines import DoseRequest, dose_engines, transport_settings
from theradose.dose.scene import region_scores, transport_scene
from theradose.errors import GeometryError
from theradose.model.grid import DensityMap, Grid, Volume
from theradose.model.material import MaterialMap
from theradose.model.region import RegionVoxels
from theradose.nuclides import load_nuclide

GRID = Grid.axis_aligned((10, 12, 14), (4.0, 3.0, 2.0))
BODY = (slice(2, 8), slice(1, 11), slice(3, 12))
AIR_G_PER_ML = 0.0012


def request_of(nuclide="Lu-177", *, density=1.05, regions=None, materials=None, histories=20_000, **options):
    values = np.full(GRID.shape, AIR_G_PER_ML, np.float32)
    values[BODY] = density
    tia = np.zeros(GRID.shape, np.float32)
    tia[4:6, 4:8, 6:9] = 10.0
    return DoseRequest(
        Volume(tia, GRID),
        DensityMap(values, GRID, "test"),
        load_nuclide(nuclide),
        materials=materials,
        regions=regions or {},
        transport=transport_settings(histories=histories, **options),
    )


def region(box):
    mask = np.zeros(GRID.shape, bool)
    mask[box] = True
    return RegionVoxels.from_mask(mask)


def test_scene_leaves_out_the_air_around_the_body():
    scene = transport_scene(request_of())
    assert scene.box == BODY
    assert scene.patient.spacing_mm == (4.0, 3.0, 2.0)
    # 10 MBq h/mL in 24 voxels of 0.024 mL.
    assert scene.total_decays == pytest.approx(10 * 24 * 0.024 * 3.6e9)
    assert np.allclose(scene.per_kg, 1 / (1.05 * 0.024e-3))


def test_water_of_unit_density_is_water_and_tissue_is_told_by_density():
    assert transport_scene(request_of(density=1.0)).patient.material_names == ("water",)
    assert transport_scene(request_of(density=0.26)).patient.material_names == ("lung",)


def test_labels_of_a_material_map_are_renumbered():
    labels = np.full(GRID.shape, 9, np.uint8)
    labels[4] = 200
    materials = MaterialMap(labels, GRID, names={9: "liver", 200: "lung", 3: "cortical-bone"})
    patient = transport_scene(request_of(materials=materials)).patient
    assert patient.material_names == ("liver", "lung")
    assert set(np.unique(patient.material)) == {0, 1}


def test_score_of_a_region_is_its_mean_dose():
    request = request_of(regions={"part": region((slice(4, 6), slice(4, 8), slice(6, 9))), "air": region((0, 0, 0))})
    dose, _ = dose_engines.get("montecarlo")(request)
    scene = transport_scene(request)
    scores = region_scores(request, scene)
    assert list(scores) == ["part"]
    assert dose.statistics.region_relative_u["part"] > 0
    weights = np.zeros(scene.per_kg.size)
    weights[scores["part"].voxel] = scores["part"].weight
    assert weights.sum() == pytest.approx(1 / (1.05 * 0.024e-3), rel=1e-6)


@pytest.mark.parametrize("engine", ["montecarlo", "hybrid"])
def test_account_is_that_of_the_map(engine):
    dose, _ = dose_engines.get(engine)(request_of("I-131"))
    mass_kg = 1.05 * 0.024e-3
    assert dose.data.sum(dtype=float) * mass_kg == pytest.approx(
        sum(part.deposited_j for part in dose.energy), rel=1e-5
    )
    for part in dose.energy:
        assert part.deposited_j + part.escaped_j == pytest.approx(part.emitted_j)
    assert np.all(dose.data[0] == 0.0) and dose.u.data.max() > 0


def test_seed_makes_the_map():
    one, again, other = (dose_engines.get("montecarlo")(request_of(seed=seed))[0].data for seed in (1, 1, 2))
    assert np.allclose(one, again, rtol=1e-6) and not np.allclose(one, other, rtol=1e-3)


def test_histories_are_the_decays_asked_for():
    dose, _ = dose_engines.get("montecarlo")(request_of(histories=50_000))
    assert dose.statistics.stopped_by == "histories"
    assert dose.statistics.histories == pytest.approx(50_000, rel=0.01)


def test_dose_is_linear_in_activity():
    """The same histories: twice the activity, twice the dose."""
    single = request_of()
    double = DoseRequest(
        Volume(single.tia.data * np.float32(2), GRID), single.density, single.nuclide, transport=single.transport
    )
    one, two = (dose_engines.get("montecarlo")(request)[0].data for request in (single, double))
    assert np.allclose(two, 2 * one, rtol=1e-5)


def test_interruption_before_anything_is_known_ends_it(monkeypatch):
    monkeypatch.setattr(simulation.PatientTransport, "follow", lambda *_, **__: {})
    with pytest.raises(KeyboardInterrupt):
        dose_engines.get("montecarlo")(request_of())


def test_progress_goes_from_nothing_to_all():
    told = []
    request = request_of()
    request = DoseRequest(
        request.tia, request.density, request.nuclide, transport=request.transport, progress=told.append
    )
    dose_engines.get("montecarlo")(request)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1.0) and fractions[0] < 0.1


def test_photons_of_yttrium_are_not_worth_following():
    """They carry 3e-8 of the energy."""
    dose, _ = dose_engines.get("montecarlo")(request_of("Y-90"))
    assert list(dose.parameters["histories"]) == ["electron"]
    assert dose.statistics.histories == pytest.approx(20_000, rel=0.01)
    hybrid, _ = dose_engines.get("hybrid")(request_of("Y-90"))
    assert hybrid.statistics.histories == 0 and hybrid.data.max() > 0 and hybrid.u.data.max() == 0


@pytest.mark.parametrize("engine", ["montecarlo", "hybrid"])
def test_sheared_voxels_are_refused(engine):
    affine = GRID.affine_mm.copy()
    affine[0, 1] = 1.0
    sheared = Grid(GRID.shape, affine)
    request = request_of()
    request = DoseRequest(
        Volume(request.tia.data, sheared), DensityMap(request.density.data, sheared, "test"), request.nuclide
    )
    with pytest.raises(GeometryError, match="not at right angles"):
        dose_engines.get(engine)(request)
