"""Every response model answers, or says why it does not."""

from dataclasses import replace

import numpy as np
import pytest

from theradose.biology.eud import geud_gy
from theradose.biology.responses import DoseDistribution, LesionFacts, ResponseRequest, response_models
from theradose.biology.tissue import load_tissue
from theradose.uncertainty import Uncertain

DOSES, VOLUMES = np.array([30.0, 20.0, 10.0]), np.array([0.3, 0.4, 0.3])
DISTRIBUTION = DoseDistribution(DOSES, VOLUMES, (1.1 * DOSES, VOLUMES))
LESION = LesionFacts(tumour="net", grade=2, skeletal=False, progressing=False, volume_ml=4.0)
COMPLETE = ResponseRequest(
    "left-kidney", Uncertain(76.0), all_cycles=True, distribution=DISTRIBUTION, tissue=load_tissue("psma-example"),
    lesion=LESION, stated={"clonogens_per_ml": 1e3},
)  # fmt: skip


@pytest.mark.parametrize("entry", list(response_models), ids=lambda entry: entry.name)
class TestEveryModel:
    def test_answers_a_complete_request_with_its_sources(self, entry):
        response = entry.item(COMPLETE)
        assert response.value is not None and response.reason is None
        assert response.parameters.source and response.parameters.constants
        assert response.unit in ("Gy", "1")

    def test_says_why_it_has_no_answer(self, entry):
        response = entry.item(ResponseRequest("spleen", Uncertain(5.0)))
        assert response.value is None and len(response.reason) > 20

    def test_warns_of_parameters_of_external_beams(self, entry):
        response = entry.item(COMPLETE)
        cautioned = [finding.code for finding in response.findings] == ["parameter-from-external-beam"]
        assert cautioned == (response.parameters.origin == "EBRT")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"tumour": None}, "neuroendocrine"),
        ({"grade": 1}, "grade"),
        ({"grade": None}, "grade"),
        ({"skeletal": True}, "skeleton"),
        ({"skeletal": None}, "skeleton"),
        ({"progressing": True}, "progression"),
        ({"volume_ml": 3.9}, "volume"),
        ({"volume_ml": None}, "volume"),
    ],
)
def test_the_curve_of_warfvinge_holds_only_where_it_was_fitted(change, word):
    response = response_models.get("tcp-logistic")(replace(COMPLETE, lesion=replace(LESION, **change)))
    assert response.value is None and "not applicable" in response.reason and word in response.reason


@pytest.mark.parametrize("name", ["tcp-logistic", "tcp-poisson", "ntcp-lyman"])
def test_probabilities_are_those_of_all_cycles(name):
    response = response_models.get(name)(replace(COMPLETE, all_cycles=False))
    assert response.value is None and "all cycles" in response.reason


def test_stated_parameters_go_before_packaged_ones_and_a_mixture_keeps_the_origin():
    model = response_models.get("geud")
    stated = model(replace(COMPLETE, stated={"n": 0.3}))
    assert stated.value == pytest.approx(geud_gy(dose_gy=DOSES, volume=VOLUMES, n=0.3))
    assert stated.parameters.status == "stated" and not stated.findings
    mixed = response_models.get("ntcp-lyman")(replace(COMPLETE, stated={"td50_gy": 40.0}))
    assert mixed.parameters.values == {"td50_gy": 40.0, "m": 0.1, "n": 0.7}
    assert mixed.parameters.origin == "EBRT" and mixed.findings


def test_control_needs_effective_doses():
    without = replace(COMPLETE, distribution=DoseDistribution(DOSES, VOLUMES))
    assert response_models.get("tcp-poisson")(without).value is None
