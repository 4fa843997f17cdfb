"""Canonical names: spellings of several languages and systems, lesions, and the user's own names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from theradose.data import load_yaml
from theradose.model.region import RegionKind
from theradose.spatial.naming import canonical_region, pair_of, reference_mass_g

SPELLINGS = {
    "left-kidney": ["Kidney_L", "Niere li", "Niere, links", "rein gauche", "kidney_left", "LeftKidney", "Lt Kidney",
                    "rene sx", "Riñón izquierdo", "left-kidney", "ROI left kidney"],
    "right-kidney": ["Kidney_R", "Niere re", "rein D", "rene destro", "right kidney", "rim direito"],
    "kidneys": ["Kidneys", "Nieren", "reins", "both kidneys"],
    "right-lung": ["Rt Lung", "pulmon der", "Lunge rechts"],
    "liver": ["LIVER", "Leber", "foie", "fegato", "Hígado"],
    "spleen": ["Milz", "rate", "milza"],
    "thyroid": ["Schilddrüse", "thyroid gland"],
    "right-parotid-gland": ["Parotis re", "parotid_R", "Right Parotid Gland"],
    "salivary-glands": ["Speicheldrüsen", "salivary glands"],
    "lumbar-marrow": ["L2-L4", "spongiosa L2-L4", "Knochenmark LWK2-4"],
    "l2-vertebra": ["vertebrae_L2", "L2", "LWK 2", "Vertebra L2"],
    "l5-vertebra": ["vertebrae_L5", "L5 vertebra", "LWK5"],
    "t12-vertebra": ["vertebrae_T12", "BWK12", "Th12 vertebra"],
    "red-marrow": ["Bone Marrow", "rotes Knochenmark", "moelle osseuse"],
    "whole-body": ["BODY", "WB", "Ganzkörper", "whole_body"],
}  # fmt: skip
UNKNOWN = [
    "spleen 1",
    "lung_upper_lobe_left",
    "left-kidney-medulla",
    "left right kidney",
    "left liver",
    "metal",
    "t1",
    "l1",
]
LESIONS = ["GTV_Mass", "GTV2", "lesion1 liver R lobe", "Liver Met 3", "Läsion 4", "Tumeur foie", "Metastase"]
NO_LESIONS = ["non-tumour liver", "normal liver", "liver without lesions", "metal", "Leber ohne Tumor"]


@pytest.mark.parametrize(("name", "spelling"), [(n, s) for n, spellings in SPELLINGS.items() for s in spellings])
def test_spellings_lead_to_one_name(name, spelling):
    assert canonical_region(spelling).name == name


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names_are_kept_in_kebab_case(name):
    region = canonical_region(name)
    assert (region.kind, region.code) == (RegionKind.OTHER, None)
    assert region.name == name.replace(" ", "-").replace("_", "-")


@pytest.mark.parametrize("name", LESIONS)
def test_lesions_are_recognised(name):
    region = canonical_region(name)
    assert (region.kind, region.code) == (RegionKind.LESION, "52988006")


@pytest.mark.parametrize("name", NO_LESIONS)
def test_names_that_exclude_lesions_are_no_lesions(name):
    assert canonical_region(name).kind is not RegionKind.LESION


def test_names_of_the_user_win():
    names = {"left-kidney": ("LK", "GTV kidney"), "my region": ("liver",)}
    assert canonical_region("lk", names=names).name == "left-kidney"
    assert canonical_region("GTV_kidney", names=names).kind is RegionKind.ORGAN
    assert canonical_region("Liver", names=names).name == "my region"


def test_kind_stated_by_a_file_counts_where_the_name_says_nothing():
    assert canonical_region("ROI-1", kind=RegionKind.LESION).kind is RegionKind.LESION
    assert canonical_region("liver", kind=RegionKind.LESION).kind is RegionKind.ORGAN


@given(st.text(min_size=1, max_size=30))
def test_any_text_has_a_stable_name(text):
    once = canonical_region(text)
    assert once.name
    assert canonical_region(once.name).name == once.name


@pytest.mark.parametrize(("name", "entry"), list(load_yaml("regions.yaml")["regions"].items()))
def test_entries_are_complete_and_coded_as_in_the_standard(name, entry):
    """Each code is in the SNOMED CT dictionary of DICOM PS3.16 (as shipped by pydicom) with its meaning."""
    keyword = {"Bone Marrow": "BoneMarrow", "Adrenal gland": "AdrenalGland"}.get(
        entry["meaning"], "".join(word[0].upper() + word[1:] for word in entry["meaning"].split())
    )
    known = getattr(codes.SCT, keyword)
    assert (known.value, known.meaning) == (entry["code"], entry["meaning"])
    region = canonical_region(name)
    assert (region.name, region.kind) == (name, RegionKind(entry["kind"]))


def test_no_spelling_has_two_meanings():
    spellings = [word for entry in load_yaml("regions.yaml")["regions"].values() for word in entry["words"]]
    assert len(set(spellings)) == len(spellings)


def test_reference_masses_state_their_source():
    """Values of SCIENCE: kidneys 310 g (male) and 275 g (female)."""
    assert reference_mass_g("kidneys", sex="male").value == 310
    female = reference_mass_g("kidneys", sex="female")
    assert (female.value, female.unit, female.status) == (275, "g", "unverified")
    assert "ICRP" in female.source
    assert reference_mass_g("left-kidney", sex="male") is None
    assert set(load_yaml("regions.yaml")["masses"]["values"]) <= set(load_yaml("regions.yaml")["regions"])


def test_a_side_knows_its_pair():
    assert (pair_of("left-kidney"), pair_of("kidneys"), pair_of("liver")) == ("kidneys", "kidneys", "liver")
