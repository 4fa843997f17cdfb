from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from theradose.dose.marrow_image import ImageMarrowOptions
from theradose.errors import FitError, StudyError
from theradose.nuclides import load_nuclide
from theradose.quantify.vois import VoiOptions
from theradose.simulate.blood import simulate_blood_cohort, write_blood_cohort
from theradose.simulate.marrow_vois import simulate_marrow_vois, write_marrow_vois
from theradose.uncertainty import Uncertain
from theradose.workflow.marrow_vois import VoiMarrowOptions, image_marrow_table
from theradose.workflow.marrow_vois_document import voi_document

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples"
VOIS, TREATMENTS = EXAMPLES / "marrow" / "vois.csv", EXAMPLES / "blood" / "treatments.csv"


def names(result):
    return {fit.model: fit for fit in result.tia.fits}


def test_example_table():
    """Four images carry mono and bi, three carry mono alone; what is refused says why and the rest stands."""
    four, three = image_marrow_table([VOIS], VoiMarrowOptions("Lu-177"), treatments=TREATMENTS)
    assert set(names(four)) == {"mono", "bi"} and set(names(three)) == {"mono"}
    assert "no-degrees-of-freedom" in names(four)["bi"].flags
    assert "aicc-undefined" in names(three)["mono"].flags
    assert set(four.refused) == {"tri"} and set(three.refused) == {"bi", "tri"}
    assert "6 parameters" in four.refused["tri"] and "4 points" in four.refused["tri"]
    assert "4 parameters" in three.refused["bi"] and "3 points" in three.refused["bi"]
    assert four.treatment.activity_mbq == 7400 and four.dose.cross_gy is not None
    assert {"model-refused", "marrow-recovery-not-applied"} <= set(four.flags)


def test_two_images_carry_mono(tmp_path):
    path = tmp_path / "vois.csv"
    path.write_text("t_h,concentration_mbq_l,density_g_ml\n4,80,1.1\n24,40,1.1\n", encoding="utf-8")
    (result,) = image_marrow_table([path], VoiMarrowOptions("Lu-177"))
    fit = names(result)["mono"]
    assert fit.effective_half_life_h == pytest.approx(20.0)
    assert "no-degrees-of-freedom" in fit.flags
    # 80 MBq/L at 4 h with 20 h: 80 · 2^(4/20) · 20/ln 2 MBq·h/L; local deposition of 147.47 keV (0.08506 Gy g/(MBq h)).
    assert result.dose.self_gy.value == pytest.approx(0.08506 * 80 * 2**0.2 * 20 / np.log(2) / 1000 / 1.1, rel=2e-3)


def test_one_image_is_refused_by_name(tmp_path):
    path = tmp_path / "vois.csv"
    path.write_text("subject,t_h,concentration_mbq_l,density_g_ml\nP9,4,80,1.1\n", encoding="utf-8")
    with pytest.raises(FitError, match="^P9: ") as caught:
        image_marrow_table([path], VoiMarrowOptions("Lu-177"))
    assert caught.value.code == "one-time-point"


def test_recovery_and_density_scale_the_dose():
    plain = image_marrow_table([VOIS], VoiMarrowOptions("Lu-177"), treatments=TREATMENTS)[0]
    options = VoiMarrowOptions("Lu-177", image=ImageMarrowOptions(recovery=Uncertain(0.78)))
    corrected = image_marrow_table([VOIS], options, treatments=TREATMENTS)[0]
    assert corrected.dose.self_gy.value == pytest.approx(plain.dose.self_gy.value / 0.78)
    assert "marrow-recovery-not-applied" not in corrected.flags


def test_truth_of_a_virtual_cohort(tmp_path):
    """Four images with 5 % noise of two phases and a filling: the bi-exponential finds the area within 15 % (median of
    the magnitudes), the mono-exponential misses the early blood and lies below."""
    blood = simulate_blood_cohort(seed=177, treatments=12)
    images = simulate_marrow_vois(blood, seed=178)
    write_blood_cohort(blood, tmp_path / "blood.csv", tmp_path / "treatments.csv")
    write_marrow_vois(images, tmp_path / "vois.csv")
    options = VoiMarrowOptions("Lu-177", vois=VoiOptions(calibration_u=0.03))
    results = image_marrow_table([tmp_path / "vois.csv"], options, treatments=tmp_path / "treatments.csv")
    areas = {
        model: np.array(
            [1e3 * names(r)[model].tia_mbq_h / t.area_mbq_h_per_l for r, t in zip(results, images, strict=True)]
        )
        for model in ("mono", "bi")
    }
    assert np.median(np.abs(areas["bi"] - 1)) < 0.15
    assert np.median(areas["mono"]) < np.median(areas["bi"])
    assert "calibration:images" in results[0].dose.dose_gy.contributions


def test_document_has_the_promised_keys():
    results = image_marrow_table([VOIS], VoiMarrowOptions("Lu-177"), treatments=TREATMENTS)
    document = voi_document(results, load_nuclide("Lu-177"), method="local-deposition")
    first, second = document["treatments"]
    assert {"subject", "cycle", "images", "self_gy", "cross_gy", "models", "refused", "budget", "flags"} <= set(first)
    assert second["cross_gy"] == {"value": None, "u": None}
    assert all(constant["source"] and constant["status"] for constant in document["constants"])


def test_a_treatment_without_a_row_is_refused(tmp_path):
    path = tmp_path / "treatments.csv"
    path.write_text("subject,cycle,activity_mbq\nP001,1,7400\n", encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        image_marrow_table([VOIS], VoiMarrowOptions("Lu-177"), treatments=path)
    assert caught.value.code == "treatment-missing"
