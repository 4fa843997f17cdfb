"""``theradose marrow blood``."""

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "formats" / "examples" / "blood"
KEYS = {"subject", "model", "tia_mbq_h_per_l", "specimen", "rmblr", "self_gy", "cross_gy", "dose_per_activity_gy_gbq",
        "flags"}  # fmt: skip


def test_counts_with_probe_to_one_document(command):
    answer = command(
        "marrow", "blood", EXAMPLES / "counts.csv", "--nuclide", "177Lu", "--activity", "7.4 GBq",
        "--start", "2026-03-02T10:00:00+01:00", "--infusion", "30 min", "--efficiency", "500 cps/kBq",
        "--efficiency-u", "2 %", "--dead-time", "4 us", "--probe", EXAMPLES / "probe.csv", "--sex", "M",
        "--rmblr", "sgouros", "--measurement-u", "4 %", "--json",
    )  # fmt: skip
    assert answer.code == 0
    (treatment,) = answer.document["treatments"]
    assert set(treatment) >= KEYS
    assert treatment["specimen"] == "plasma"
    assert 0 < treatment["self_gy"]["u"] < treatment["self_gy"]["value"] < treatment["cross_gy"]["value"]
    assert {line["source"] for line in treatment["budget"]} >= {"counter:counter", "haematocrit", "fit:whole-body"}


def test_cohort_table(command):
    answer = command(
        "marrow", "blood", EXAMPLES / "cohort.csv", "--treatments", EXAMPLES / "treatments.csv",
        "--nuclide", "Lu-177", "--profile", "as-published",
    )  # fmt: skip
    assert answer.code == 0
    assert "P001 cycle 1" in answer.out and "as published" in answer.out
    assert "[marrow-cross-dose-missing]" in answer.err


def test_bad_input_is_one_sentence(command, tmp_path):
    path = tmp_path / "blood.csv"
    path.write_text("t_h,concentration_mbq_l,specimen\n1,50,plasma\n", encoding="utf-8")
    answer = command("marrow", "blood", path, "--nuclide", "Lu-177", "--activity", "7.4 GBq", "--json")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("\n") == 1 and "line 2, column 'haematocrit'" in answer.err


def test_options_that_cannot_be(command):
    table = EXAMPLES / "cohort.csv"
    for arguments, code in (
        (("--haematocrit", "42"), "option-range"),
        (("--activity", "0 MBq"), "option-range"),
        (("--measurement-u", "-3 %"), "option-range"),
        (("--start", "yesterday"), "administration-start"),
        (("--probe", EXAMPLES / "probe.csv"), "probe-option"),
        (("--rmblr", "forrer"), "marrow-ratio"),
        (("--method", "guess"), "unknown-marrow-method"),
    ):
        answer = command("marrow", "blood", table, "--nuclide", "Lu-177", *arguments)
        assert (answer.code, f"[{code}]" in answer.err) == (2, True), answer.err


RECORD = EXAMPLES.parent / "calibration" / "well.yaml"
VOIS = EXAMPLES.parent / "marrow" / "vois.csv"
COUNTED = ("marrow", "blood", EXAMPLES / "counts.csv", "--nuclide", "177Lu", "--activity", "7.4 GBq",
           "--start", "2026-03-02T10:00:00+01:00", "--infusion", "30 min")  # fmt: skip


def test_counter_record_replaces_the_efficiency(command):
    """Efficiency, uncertainty and dead time of the record, stated by hand, give the same document."""
    import yaml

    record = yaml.safe_load(RECORD.read_text(encoding="utf-8"))
    factor, dead_time = record["factor"], record["dead_time"]
    recorded = command(*COUNTED, "--counter-record", RECORD, "--json")
    stated = command(
        *COUNTED, "--counter", "well-1", "--efficiency", f"{factor['value_cps_per_mbq']!r} cps/MBq",
        "--efficiency-u", f"{factor['u_cps_per_mbq'] / factor['value_cps_per_mbq']!r}",
        "--dead-time", f"{dead_time['value_us']!r} us", "--json",
    )  # fmt: skip
    assert recorded.code == 0, recorded.err
    assert recorded.document["treatments"] == stated.document["treatments"]
    assert {line["source"] for line in recorded.document["treatments"][0]["budget"]} >= {"counter:well-1"}


def test_counter_record_that_does_not_fit(command, tmp_path):
    text = RECORD.read_text(encoding="utf-8")
    other, old = tmp_path / "iodine.yaml", tmp_path / "old.yaml"
    other.write_text(text.replace("nuclide: Lu-177", "nuclide: I-131"), encoding="utf-8")
    old.write_text(text.replace("'2027-02-20'", "'2026-02-21'").replace("volume_ml: 1.0", "volume_ml: 3.0"),
                   encoding="utf-8")  # fmt: skip
    refused = command(*COUNTED, "--counter-record", other)
    assert (refused.code, "[record-nuclide]" in refused.err) == (2, True), refused.err
    both = command(*COUNTED, "--counter-record", RECORD, "--efficiency", "500 cps/kBq")
    assert (both.code, "[counter-option]" in both.err) == (2, True), both.err
    assert "--efficiency" in both.err
    expired = command(*COUNTED, "--counter-record", old, "--json")
    codes = {finding["code"] for finding in expired.document["findings"]}
    assert expired.code == 0 and codes >= {"calibration-expired", "counter-tube-differs"}, expired.err


@pytest.mark.parametrize(
    ("options", "named", "code"),
    [
        (("--efficiency-u", "2 %"), "--efficiency-u", "counter-option"),
        (("--dead-time", "4 us"), "--dead-time", "counter-option"),
        (("--counter", "well-1"), "--counter", "counter-option"),
        (("--counter-record", RECORD, "--counter", "well-1"), "--counter", "counter-option"),
        (("--counter-record", RECORD, "--dead-time", "4 us"), "--dead-time", "counter-option"),
        (("--counter-record", RECORD, "--efficiency-u", "2 %"), "--efficiency-u", "counter-option"),
        (("--efficiency", "-500 cps/kBq"), "--efficiency", "option-range"),
        (("--efficiency", "500 cps/kBq", "--efficiency-u", "-2 %"), "--efficiency-u", "option-range"),
        (("--efficiency", "500 cps/kBq", "--dead-time", "-4 us"), "--dead-time", "option-range"),
    ],
)
def test_options_of_a_counter_that_mean_nothing(command, options, named, code):
    """A dead time that is stated but not corrected would be a silent error of the dose."""
    for arguments in (COUNTED, ("marrow", "compare", EXAMPLES / "counts.csv", "--images", VOIS, "--nuclide", "Lu-177")):
        answer = command(*arguments, *options, "--json")
        assert (answer.code, answer.out, f"[{code}]" in answer.err) == (2, "", True), answer.err
        assert f"{named}'" in answer.err or f"{named} " in answer.err
