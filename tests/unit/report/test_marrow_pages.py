from __future__ import annotations

from dataclasses import replace

import pytest

from theradose.quantify.samples import SampleOptions
from theradose.report.marrow_pages import write_marrow_comparison
from theradose.simulate.blood import simulate_blood_cohort, write_blood_cohort
from theradose.simulate.marrow_vois import simulate_marrow_vois, write_marrow_vois
from theradose.workflow.marrow import BloodMarrowOptions
from theradose.workflow.marrow_compare import compare_marrow
from theradose.workflow.marrow_vois import VoiMarrowOptions


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    blood = simulate_blood_cohort(seed=3, treatments=6)
    write_blood_cohort(blood, folder / "blood.csv", folder / "treatments.csv")
    write_marrow_vois(simulate_marrow_vois(blood, seed=4), folder / "vois.csv")
    options = BloodMarrowOptions("Lu-177", SampleOptions(), models=("mono", "bi")), VoiMarrowOptions("Lu-177")
    tables = [folder / "blood.csv"], [folder / "vois.csv"]
    return compare_marrow(*tables, *options, treatments=folder / "treatments.csv").comparison


def pages(path):
    return path.read_bytes().count(b"/Type /Page\n") or path.read_bytes().count(b"/Type /Page ")


def test_same_bytes_and_the_published_page_only_if_asked_for(comparison, tmp_path):
    first, second, beside = (tmp_path / name for name in ("first.pdf", "second.pdf", "beside.pdf"))
    write_marrow_comparison(comparison, first, as_published=False)
    write_marrow_comparison(comparison, second, as_published=False)
    write_marrow_comparison(comparison, beside, as_published=True)
    assert first.read_bytes() == second.read_bytes()
    assert pages(beside) == pages(first) + 1 == 7


def test_a_cohort_without_agreement_still_has_its_pages(comparison, tmp_path):
    bare = replace(comparison.ours, agreements=(), cycles=())
    write_marrow_comparison(replace(comparison, ours=bare, example=None), tmp_path / "bare.pdf", as_published=False)
    assert pages(tmp_path / "bare.pdf") == 6
