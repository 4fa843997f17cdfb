import pytest


def test_the_list_has_levels_and_expected_deviations(command):
    answer = command("protocols", "--therapy", "lu177-psma")
    assert answer.code == 0
    assert "lu177-psma/spect-4tp" in answer.out
    assert "kidneys" in answer.out and "one more visit at" in answer.out
    assert "unverified" in answer.out


def test_equipment_decides_what_is_possible(command):
    answer = command("protocols", "--have", "spect, probe", "--json")
    document = answer.document
    assert document["have"] == ["spect", "probe"]
    states = {item["name"]: item["possible"] for item in document["protocols"]}
    assert states["i131-mibg/probe"] == "yes"
    assert states["lu177-dotatate/spect-2tp"] == "with-reservations"
    assert states["lu177-dotatate/blood-9"] == "no"
    assert "gamma-counter" in [gain["equipment"] for gain in document["one_more_equipment"]]
    printed = command("protocols", "--have", "spect,probe")
    assert "not possible: lu177-dotatate/blood-9, lacks gamma-counter" in printed.out
    assert "adding gamma-counter" in printed.out
    assert printed.out.count("instead of thyroid uptake probe") == 1  # once for all protocols that need it
    assert "taken for granted" in printed.err


def test_one_protocol_in_full(command):
    answer = command("protocols", "--show", "lu177-dotatate/spect-1tp")
    assert "against: " in answer.out and "without" not in answer.out.split("yields")[0]
    assert "[Staanum2021: abstract; verified]" in answer.out
    document = command("protocols", "--show", "lu177-dotatate/spect-1tp", "--json").document
    assert document["visits"][0]["t_h"] == 96


def test_a_schedule_with_files(command, tmp_path):
    answer = command(
        "protocols", "--schedule", "lu177-psma/spect-2tp", "--at", "2026-03-02T10:00+01:00", "--timezone",
        "Europe/Paris", "--closed", "weekends", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert answer.code == 0
    document = answer.document
    assert [visit["scheduled"] for visit in document["visits"]] == [
        "2026-03-04T10:00:00+01:00", "2026-03-09T10:00:00+01:00",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "acquisition-sheet.pdf", "schedule.json", "study.yaml",
    ]  # fmt: skip
    assert [path.rsplit("/", 1)[1] for path in document["files"]] == [
        "schedule.json", "acquisition-sheet.pdf", "study.yaml",
    ]  # fmt: skip
    run = command("run", tmp_path / "out")
    assert run.code == 2
    assert "administrations[0].activity" in run.err and "timepoints[0].activity" in run.err


def test_moved_visits_come_with_the_change_in_uncertainty(command):
    answer = command(
        "protocols", "--schedule", "lu177-dotatate/spect-1tp", "--at", "2026-03-03T10:00", "--timezone",
        "Europe/Paris", "--closed", "weekends", "--opening", "08:00-17:00",
    )  # fmt: skip
    assert answer.code == 0
    assert "2026-03-06 17:00" in answer.out
    assert "expected deviation of kidneys" in answer.out and "as scheduled" in answer.out
    assert "[visit-moved]" in answer.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--have", "gamma camera"), "unknown-equipment"),
        (("--therapy", "prrt"), "unknown-therapy"),
        (("--show", "nothing"), "unknown-protocol"),
        (("--show", "lu177-psma/spect-1tp", "--therapy", "i131-dtc"), "option-unused"),
        (("--at", "2026-03-02T10:00+01:00"), "option-unused"),
        (("--schedule", "lu177-psma/spect-1tp", "--have", "spect"), "option-unused"),
        (("--schedule", "lu177-psma/spect-1tp"), "administration-start"),
        (("--schedule", "lu177-psma/spect-1tp", "--at", "tomorrow"), "administration-start"),
        (("--schedule", "lu177-psma/spect-1tp", "--at", "2026-03-02T10:00"), "timezone-needed"),
        (("--schedule", "nothing", "--at", "2026-03-02T10:00+01:00"), "unknown-protocol"),
        (("--schedule", "lu177-psma/spect-1tp", "--at", "2026-03-02T10:00+01:00", "--closed", "x"), "closed-days"),
    ],
)
def test_bad_input_is_one_sentence(command, arguments, code):
    answer = command("protocols", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.strip().endswith(f"[{code}]")
    assert len(answer.err.strip().splitlines()) == 1
