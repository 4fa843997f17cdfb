import pytest


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(
        "subject,region,t_h,activity_mbq,u_mbq\nP1,kidney,4,3.05,\nP1,kidney,24,2.6,\nP1,kidney,48,1.75,\n"
        "P1,kidney,96,0.78,\nP1,kidney,168,0.26,\nP2,kidney,24,2.0,\n"
    )
    return path


def test_json_and_refusal_of_one_curve(command, table):
    answer = command("fit", table, "--nuclide", "Lu-177", "--relative-u", "5 %", "--models", "mono,bi", "--json")
    assert [fit["subject"] for fit in answer.document["fits"]] == ["P1"]
    assert answer.document["fits"][0]["tia_mbq_h"]["value"] == pytest.approx(226.655, abs=0.01)
    assert answer.code == 2
    assert "1 of 2 curves" in answer.err
    assert answer.err.strip().endswith("[one-time-point]")


def test_table_and_files(command, table, tmp_path):
    text = table.read_text().replace("P2,kidney,24,2.0,\n", "")
    table.write_text(text)
    answer = command("fit", table, "--nuclide", "177Lu", "--relative-u", "5 %", "--out", tmp_path / "out")
    assert answer.code == 0
    assert answer.out.splitlines()[1].startswith("P1")
    assert (tmp_path / "out" / "curves.pdf").is_file()
    assert (tmp_path / "out" / "fits_summary.csv").is_file()


def test_missing_uncertainty_names_the_option(command, table):
    answer = command("fit", table, "--nuclide", "Lu-177")
    assert answer.code == 2
    assert answer.out == ""
    assert "line 2" in answer.err
    assert "--relative-u" in answer.err


def test_one_point_goes_to_a_single_time_point_method(command, table):
    """Haenscheid: 2.0 MBq at 24 h x 2 x 24 h / ln 2 (the project's science notes, paragraph 5)."""
    options = ("--nuclide", "Lu-177", "--relative-u", "5 %", "--single-time-point", "haenscheid", "--json")
    answer = command("fit", table, *options)
    assert answer.code == 0
    single = answer.document["fits"][1]
    assert single["chosen"] == "haenscheid"
    assert single["tia_mbq_h"]["value"] == pytest.approx(2.0 * 48 / 0.693147, rel=1e-5)
    assert single["effective_half_life_h"]["u"] is None
    assert "single-time-point-window" in single["flags"]


def test_a_half_life_without_a_method_is_refused(command, table):
    answer = command("fit", table, "--nuclide", "Lu-177", "--half-life", "50 h")
    assert answer.code == 2
    assert answer.err.strip().endswith("[single-time-point-option]")
