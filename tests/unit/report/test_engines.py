"""The part of the report about the engine and its cross-check."""

from dataclasses import replace

import numpy as np
import pytest

from theradose.errors import GeometryError
from theradose.model.dose import DoseMap
from theradose.model.grid import Grid
from theradose.model.result import (
    CrossCheckRegionResult,
    CrossCheckResult,
    DoseEngineResult,
    EnergyResult,
    Estimate,
    StatisticsResult,
    TransportResult,
)
from theradose.report.blocks import Facts, Illustration, Paragraph, Table
from theradose.report.content import build_document
from theradose.report.figures import draw_pictures
from theradose.report.reporting import engine_words

STATISTICS = StatisticsResult(histories=12_000_000, seed=7, stopped_by="target")
ENERGY = (EnergyResult(radiation="electron", emitted_j=2.0, deposited_j=1.998, escaped_j=0.002),)


@pytest.fixture(scope="module")
def compared(result):
    """The made-up patient by Monte Carlo, with a kernel beside it."""
    engine = DoseEngineResult(
        engine="montecarlo", summary="Photons and electrons", citation="Theradose", parameters={}, energy=ENERGY,
        statistics=STATISTICS,
        regions=tuple(
            TransportResult(
                name=region.name, map_mean_gy=Estimate(value=1.04, u=0.005), local_map_mean_gy=1.0,
                factor=Estimate(value=1.04, u=0.005), voxel_relative_u=0.03,
            )
            for region in result.regions
        ),
    )  # fmt: skip
    cross = CrossCheckResult(
        engine="kernel", summary="Kernels in water", citation="Theradose", parameters={}, energy=(), statistics=None,
        file="dose-difference.nii.gz", findings=(),
        regions=tuple(
            CrossCheckRegionResult(name=region.name, dose_gy=region.dose_gy, difference_percent=-1.25, u_percent=0.5)
            for region in result.regions
        ),
    )  # fmt: skip
    return result.model_copy(update={"dose_engine": engine, "cross_check": cross})


def section(result, images, pictures=()):
    found = [part for part in build_document(result, images, pictures).sections if part.name == "engine"]
    return found[0].blocks if found else ()


def tables(blocks):
    return {block.caption: block for block in blocks if isinstance(block, Table)}


def test_local_deposition_alone_has_no_section(result, images, compared):
    assert section(result, images) == ()
    alone = compared.dose_engine.model_copy(update={"engine": "local", "regions": (), "statistics": None})
    assert section(result.model_copy(update={"dose_engine": alone}), images) == ()


def test_the_section_states_statistics_energy_and_what_transport_changes(compared, images):
    blocks = section(compared, images)
    facts = {fact.label: fact.value for block in blocks if isinstance(block, Facts) for fact in block.items}
    assert (
        facts["Dose engine"] == "montecarlo" and facts["Seed"] == "7" and facts["Ended by"] == "the target uncertainty"
    )
    found = tables(blocks)
    (energy,) = found["Energy account of 'montecarlo'"].rows
    assert [cell.text for cell in energy.cells] == ["electron", "2.00", "2.00", "0.00200", "99.90"]
    changes = found["What transport changes in each region"].rows
    assert len(changes) == len(compared.regions)
    assert [cell.text for cell in changes[0].cells[1:5]] == ["1.00", "1.0400 ± 0.0050", "1.0400 ± 0.0050", "3.0 %"]


def test_differences_stand_beside_both_doses_with_what_they_mean(compared, images):
    blocks = section(compared, images)
    rows = tables(blocks)["Cross-check by region"].rows
    assert {row.cells[3].text for row in rows} == {"−1.25 ± 0.50"}
    said = " ".join(block.text for block in blocks if isinstance(block, Paragraph))
    assert "no uncertainty" in said and "calibration" in said


def test_a_cross_check_of_local_deposition_is_shown(compared, images):
    alone = compared.dose_engine.model_copy(update={"engine": "local", "regions": (), "statistics": None})
    found = tables(section(compared.model_copy(update={"dose_engine": alone}), images))
    assert "Cross-check by region" in found and "What transport changes in each region" not in found


def test_the_engine_in_a_few_words(result, compared):
    assert engine_words(compared) == "montecarlo, 1.20·10⁷ histories, cross-check kernel"
    assert engine_words(result) == "local"


def test_both_maps_and_their_difference_are_one_picture(compared, images, curves):
    other = DoseMap((images.dose.data * 1.1).astype(np.float32), images.dose.grid, engine="kernel")
    with_cross = replace(images, cross_dose=other)
    pictures = draw_pictures(compared, with_cross, curves)
    (picture,) = [picture for picture in pictures if picture.name == "cross-check"]
    assert "kernel" in picture.caption and "in Gy" in picture.caption
    blocks = section(compared, with_cross, pictures)
    assert [block.name for block in blocks if isinstance(block, Illustration)] == ["cross-check"]


def test_two_maps_that_agree_can_be_drawn(compared, images, curves):
    pictures = draw_pictures(compared, replace(images, cross_dose=images.dose), curves)
    assert "cross-check" in [picture.name for picture in pictures]


def test_a_cross_check_on_another_grid_is_refused(images):
    grid = Grid.axis_aligned((2, 2, 2), (4.0, 4.0, 4.0))
    with pytest.raises(GeometryError, match="dose map of the cross-check"):
        replace(images, cross_dose=DoseMap(np.zeros(grid.shape, np.float32), grid, engine="kernel"))


@pytest.mark.parametrize(("engine", "rates", "said"), [("local", "local", ""), ("kernel", "local", "not by kernel"),
                                                       ("kernel", "engine", "")])  # fmt: skip
def test_the_dose_rates_say_whose_they_are(result, images, curves, engine, rates, said):
    study = {**result.study, "dose": {"engine": engine, "dose_rates": rates}}
    pictures = draw_pictures(result.model_copy(update={"study": study}), images, curves)
    caption = next(picture.caption for picture in pictures if picture.name == "dose-rates")
    assert said in caption and ("by local deposition" in caption) == bool(said)
