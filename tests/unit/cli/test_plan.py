"""``theradose plan`` from the file to the page."""

import pytest
import yaml

EXAMPLE = {
    "therapy": "lu177-dotatate", "intended_activity": "7.4 GBq", "activity": {"value": "7.3 GBq", "u": "2 %"},
    "cycles": 4, "patient": {"id": "P001"},
}  # fmt: skip


@pytest.fixture
def plan_file(tmp_path):
    """Write an input of level 1 with changes; a key that becomes ``None`` here is left out."""

    def write(**changes):
        content = {key: value for key, value in {**EXAMPLE, **changes}.items() if value is not None}
        path = tmp_path / "input.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


def test_a_plan_is_printed_and_written(command, plan_file, tmp_path):
    page = tmp_path / "page.pdf"
    answer = command("plan", "level1", plan_file(), "--out", page)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0] == "Expected organ doses"
    assert any(line.startswith("kidneys") and "%" in line for line in lines)
    assert lines[-1].startswith("RESEARCH USE ONLY")
    assert page.read_bytes().startswith(b"%PDF-")
    assert "verification-missing" in answer.err


def test_json_is_one_document(command, plan_file):
    document = command("plan", "level1", plan_file(), "--json").document
    assert document["schema"] == "theradose/plan/1"
    assert document["activity_mbq"] == {"value": pytest.approx(7300), "u": pytest.approx(146)}
    assert {dose["target"] for dose in document["doses"]} >= {"kidneys", "liver", "spleen", "lesion"}


@pytest.mark.parametrize(
    ("changes", "words", "code"),
    [
        ({"activity": None}, "activity: it is needed and missing: add for example 'activity: 7.4 GBq'", "plan-invalid"),
        ({"therapy": None}, "therapy: it is needed and missing", "plan-invalid"),
        ({"activity": 7400}, "has no unit", "plan-invalid"),
        ({"activity": "7,4 GBq"}, "decimal point", "plan-invalid"),
        ({"activity": "7.4 Gy"}, "unit of absorbed dose", "plan-invalid"),
        ({"activity": {"value": "7.4 GBq", "sd": "3 %"}}, "a quantity with uncertainty is written", "plan-invalid"),
        ({"therapy": "lu177-dotatat"}, "There is no therapy 'lu177-dotatat': valid names are", "plan-invalid"),
        ({"purpose": "emergency"}, "'routine', 'accidental' or 'unintended'", "plan-invalid"),
        ({"colour": "red"}, "this key is not known", "plan-invalid"),
        ({"intended_activty": "7.4 GBq"}, "did you mean 'intended_activity'?", "plan-invalid"),
        ({"verification_image": {"date": "2026-03-01"}}, "verification_image.done: it is needed", "plan-invalid"),
        (
            {"limits": [{"organ": "kidneys", "value": "20", "origin": "label", "source": "x"}]},
            "'20' has no unit",
            "plan-invalid",
        ),
        ({"limits": ["kidneys-none"]}, "is not a limit known here", "limit-unknown"),
    ],
)
def test_bad_input_is_one_sentence(command, plan_file, changes, words, code):
    answer = command("plan", "level1", plan_file(**changes))
    assert answer.code == 2 and answer.out == ""
    assert words in answer.err and answer.err.count("\n") == 1
    assert answer.err.strip().endswith(f"[{code}]")


def test_no_file_and_no_yaml_are_refused(command, tmp_path):
    answer = command("plan", "level1", tmp_path / "none.yaml")
    assert answer.code == 2 and "There is no plan file" in answer.err
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert "holds no plan: it must have the keys therapy" in command("plan", "level1", tmp_path / "list.yaml").err
    (tmp_path / "broken.yaml").write_text("a: [\n")
    assert "is not valid YAML" in command("plan", "level1", tmp_path / "broken.yaml").err


def test_the_folder_of_the_page_is_made_and_another_type_is_refused(command, plan_file, tmp_path):
    page = tmp_path / "new" / "folder" / "page.pdf"
    assert command("plan", "level1", plan_file(), "--out", page).code == 0 and page.is_file()
    answer = command("plan", "level1", plan_file(), "--out", tmp_path / "page.txt")
    assert answer.code == 2 and "[plan-out]" in answer.err and not (tmp_path / "page.txt").exists()


def test_critical_findings_are_counted_and_are_no_failure(command, plan_file):
    answer = command("plan", "level1", plan_file(activity="7.2 MBq"))
    assert answer.code == 0 and "1 critical" in answer.err.splitlines()[-1]


def test_a_decimal_comma_inside_braces_is_told(command, tmp_path):
    path = tmp_path / "input.yaml"
    path.write_text("therapy: lu177-psma\nactivity: {value: 7,2 GBq}\nintended_activity: 7.4 GBq\n", encoding="utf-8")
    assert "a decimal comma splits a number inside braces" in command("plan", "level1", path).err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at_injection_site": 30}, "write for example '30 %' or 0.3"),
        ({"cycle": "two"}, "cycle: a whole number is needed, but 'two' was given"),
        ({"child": "maybe"}, "child: write true or false"),
        ({"verification_image": {"done": True, "date": "3.3.2026"}}, "write a date as 2026-03-03"),
        ({"limits": [{"organ": "kidneys", "value": "20 Gy", "source": "x"}]},
         "limits[0].origin: it is needed and missing: valid values are radionuclide-therapy, EBRT, label"),
        ({"limits": ["kidney-prrt"]}, "the nearest are kidneys-p-prrt"),
    ],
)  # fmt: skip
def test_refusals_are_in_the_words_of_a_person(command, plan_file, changes, words):
    answer = command("plan", "level1", plan_file(**changes))
    assert answer.code == 2 and words in answer.err and "Input should" not in answer.err
