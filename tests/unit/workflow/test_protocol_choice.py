import json

import pytest

from theradose.errors import StudyError
from theradose.workflow.protocol_choice import owned_equipment, recommend_protocols


def names(recommended):
    return {option.protocol.name for option in recommended.possible}


def test_everything_is_listed_without_equipment():
    recommended = recommend_protocols()
    assert recommended.have is None
    assert len(recommended.options) == len(recommended.possible) >= 20
    assert not recommended.gains


def test_spect_and_a_probe():
    """SPECT without CT stands in for SPECT/CT with a reservation; there is no gamma counter and no PET."""
    recommended = recommend_protocols(["spect", "probe"])
    by_name = {option.protocol.name: option for option in recommended.options}
    assert by_name["i131-mibg/probe"].possible == "yes"
    assert by_name["ho166-tare/maa-spect"].possible == "yes"
    assert by_name["lu177-dotatate/spect-4tp"].possible == "with-reservations"
    assert "CT from elsewhere" in by_name["lu177-dotatate/spect-4tp"].conditions[0]
    assert by_name["lu177-dotatate/blood-9"].missing == ("gamma-counter",)
    assert by_name["y90-tare/maa-pet"].missing == ("pet-ct",)
    assert recommended.assumed == ("activity-meter", "blood")


def test_an_activity_meter_does_not_replace_a_gamma_counter():
    assert "lu177-dotatate/blood-9" not in names(recommend_protocols(["activity-meter", "spect-ct"]))


def test_a_thyroid_probe_counts_samples_with_a_reservation():
    option = next(
        item
        for item in recommend_protocols(["thyroid-probe"]).options
        if item.protocol.name == "i131-dtc/blood-probe-5"
    )
    assert option.possible == "with-reservations"
    assert len(option.conditions) == 2


def test_the_recommended_protocol_comes_first():
    options = recommend_protocols(["spect-ct"], therapy="lu177-dotatate").options
    rms = [
        round(option.critical[1].rms, 2) for option in options if option.critical and option.critical[0] == "kidneys"
    ]
    assert rms == sorted(rms)
    possible = [option.possible for option in options]
    assert possible == sorted(possible, key=("yes", "with-reservations", "no").index)


def test_what_one_more_piece_of_equipment_adds():
    gains = {gain.equipment: gain for gain in recommend_protocols(["spect-ct"], therapy="lu177-dotatate").gains}
    assert gains["gamma-counter"].protocols == ("lu177-dotatate/blood-9",)
    assert gains["gamma-counter"].quantities == {"lu177-dotatate": ("red-marrow",)}
    assert gains["gamma-counter"].best == {}  # the kidneys gain nothing
    assert "pet-ct" not in gains
    upgrade = {gain.equipment: gain for gain in recommend_protocols(["spect"], therapy="lu177-psma").gains}["spect-ct"]
    assert set(upgrade.without_reservations) == {f"lu177-psma/spect-{n}tp" for n in (1, 2, 4)}


def test_implied_equipment_is_owned():
    assert owned_equipment(["spect-ct"]) == {"spect-ct", "spect", "planar", "activity-meter", "blood"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((["pet"],), "unknown-equipment"), ((None,), "unknown-therapy")],
)
def test_unknown_names_are_refused_with_the_valid_ones(arguments, code):
    therapy = "lu177" if code == "unknown-therapy" else None
    with pytest.raises(StudyError, match="valid names are") as refusal:
        recommend_protocols(*arguments, therapy=therapy)
    assert refusal.value.code == code


def test_the_document_holds_only_json(tmp_path):
    document = recommend_protocols(["spect"], therapy="lu177-psma").to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    first = document["protocols"][0]
    assert first["expected"]["accuracy"]["kidneys"]["rms"] > 0
    assert first["level"]["source"]
    assert document["simulation"]["seed"] and document["simulation"]["status"] == "unverified"
