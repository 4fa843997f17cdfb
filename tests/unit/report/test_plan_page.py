"""The page of a plan."""

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from theradose.model.finding import Finding
from theradose.model.limit import Limit
from theradose.model.plan import Formula, Plan, PlanInput, PlanTable
from theradose.nuclides import Constant
from theradose.plan.probability import compare_with_limit
from theradose.report.plan_page import page_content, write_plan_page
from theradose.uncertainty import Uncertain

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE = '#import "@preview/x:1.0.0": * #panic("x") $ *bold* _x_ `raw` <label> @ref \\u{41} #{1/0} // /* [ ] { }'
WORDS = "what stands here is as long as the sentences of a planner that has much to say about one organ of a patient"


def limit(name="kidneys-23", **changes):
    return Limit(
        name=name, organ="kidneys", value_gy=23, condition=changes.pop("condition", ""),
        **{"quantity": "absorbed-dose", "origin": "radionuclide-therapy", "source": "deWit2023: x",
           "status": "verified"} | changes,
    )  # fmt: skip


def plan(doses=(), size=0, text="x", **changes):
    made = Plan(
        planner="level1", title="A plan", summary=text, subject=text,
        activity_mbq=Uncertain(7400, {"activity": 150}), doses=tuple(doses),
        formulas=(Formula("D = d·A", text, text, "unverified"),) * max(1, size // 10),
        constants=tuple(Constant(f"constant {i}", 1.5, "Gy", text, "unverified", "1") for i in range(size)),
        inputs=tuple(PlanInput(f"input {i}", text) for i in range(max(1, size))),
        tables=(PlanTable("A table", ("a", "b"), tuple((text[:20], "1") for _ in range(size))),) if size else (),
        findings=tuple(Finding("x", severity, text, f"organ-{i}")
                       for severity in ("warning", "info") for i in range(size // 2)),
    )  # fmt: skip
    return replace(made, **changes)


def dose(value, u=None, *, against=None, target="kidneys"):
    uncertain = Uncertain(value) if u is None else Uncertain(value, {"fit": u})
    return compare_with_limit(target=target, dose_gy=uncertain, limit=against, basis="course")


def pages(path):
    return len(re.findall(rb"/Type\s*/Page\b", path.read_bytes()))


@pytest.mark.parametrize(("size", "most"), [(0, 1), (5, 1), (15, 1), (40, 6)])
def test_it_is_one_page_unless_rows_would_be_cut(tmp_path, size, most):
    rows = [
        dose(10 + i, 2, against=limit(f"limit-{i}", condition=WORDS), target=f"organ-{i}") for i in range(1 + size // 2)
    ]
    write_plan_page(plan(rows, size, WORDS), tmp_path / "page.pdf", created=NOON)
    assert pages(tmp_path / "page.pdf") <= most
    if shutil.which("pdftotext") is not None:
        words = subprocess.run(
            ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True, check=True
        ).stdout.split("A table")
        assert all(f"organ {i}" in words[0] for i in range(len(rows)))
        assert words[-1].count(WORDS[:20]) >= size


def test_a_mean_of_patients_above_a_limit_is_not_drawn_as_critical():
    above = dose(30, 2, against=limit())
    rows = page_content(plan([above, replace(above, of_mean=True)]))["doses"]
    assert [row["bar"]["tone"] for row in rows] == ["critical", "warning"]


def test_a_hyphen_between_digits_stays():
    (row,) = page_content(plan([dose(10, 2, target="segment 5-8")]))["doses"]
    assert row["target"] == "segment 5-8"


def test_an_accepted_probability_is_said_as_the_choice_that_it_is():
    result = page_content(plan(activity_mbq=Uncertain(5123.4), accepted_probability=0.1))["result"]
    assert result["value"] == "5.123 GBq"
    assert result["interval"] == "chosen so that a limit is exceeded with at most 10 %"


def test_a_plan_without_activity_and_doses_has_a_page(tmp_path):
    made = plan(activity_mbq=None)
    assert page_content(made)["result"] is None
    write_plan_page(made, tmp_path / "page.pdf", created=NOON)
    assert pages(tmp_path / "page.pdf") == 1


def test_data_is_never_markup(tmp_path):
    write_plan_page(plan([dose(10, 2, against=limit(condition=HOSTILE))], 3, HOSTILE), tmp_path / "p.pdf", created=NOON)
    assert pages(tmp_path / "p.pdf") == 1


def test_the_same_plan_gives_the_same_file(tmp_path):
    for name in ("a", "b"):
        write_plan_page(plan([dose(10, 2, against=limit())], 3), tmp_path / name, created=NOON)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("value", "u", "kind", "tone"),
    [(10, 2, "limit", "good"), (20, 5, "limit", "warning"), (25, 1, "limit", "critical"), (10, None, "limit", "muted"),
     (25, None, "limit", "critical"), (60, 5, "target", "good"), (25, 5, "target", "warning")],
)  # fmt: skip
def test_the_bar_says_how_a_dose_lies_to_its_limit(value, u, kind, tone):
    (row,) = page_content(plan([dose(value, u, against=limit(kind=kind))]))["doses"]
    assert row["bar"]["tone"] == tone
    assert row["bar"]["value"] == pytest.approx(value / 23)
    assert row["bar"]["low"] <= row["bar"]["value"] <= row["bar"]["high"]


def test_the_unknown_is_never_a_number():
    activity = Uncertain(400, not_stated=frozenset({"meter"}))
    content = page_content(plan([dose(10, against=limit())], activity_mbq=activity))
    (row,) = content["doses"]
    assert (row["p"], row["interval"]) == ("—", "—") and row["dose"].endswith("± —")
    assert content["result"]["value"] == "400 MBq"
    assert content["result"]["interval"] == "uncertainty not stated"


def test_a_probability_is_never_zero_or_one():
    rows = page_content(plan([dose(1, 0.01, against=limit()), dose(99, 0.01, against=limit())]))["doses"]
    assert [row["p"] for row in rows] == ["< 0.1 %", "> 99.9 %"]


def test_limits_are_explained_once_and_unread_sources_are_marked():
    unread = limit("other", status="unverified", origin="EBRT", range_gy=(23, 28), condition="impaired")
    content = page_content(
        plan([dose(10, 2, against=limit()), dose(11, 2, against=limit()), dose(10, 2, against=unread)])
    )
    assert [row["letter"] for row in content["doses"]] == ["a", "a", "b"]
    assert [note["status"] for note in content["limits"]] == ["verified", "unverified"]
    assert content["limits"][1]["origin"] == "from external beams"
    assert "range 23 – 28 Gy" in content["limits"][1]["text"] and "impaired" in content["limits"][1]["text"]


def test_findings_of_one_kind_are_said_once_the_gravest_first():
    findings = (
        Finding("b", "info", "noted"), Finding("a", "warning", "missing", "liver"),
        Finding("a", "warning", "missing", "spleen"), Finding("c", "critical", "wrong"),
    )  # fmt: skip
    shown = page_content(plan(findings=findings))["findings"]
    assert [(item["code"], item["where"]) for item in shown] == [("c", ""), ("a", "liver, spleen"), ("b", "")]
