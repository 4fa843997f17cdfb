"""The cycles of the patient in the report."""

import re

import pytest

from theradose.model.document import Estimate
from theradose.model.result_cycles import CumulativeResult, CycleDoseResult, CycleResult, CyclesResult, LimitResult
from theradose.report.content import build_document
from theradose.report.cycles import cycles_section, draw_cycles, limit_tables


def dose(region, value, *, assumed=False):
    pair = Estimate(value=value, u=0.1 * value)
    return CycleDoseResult(
        region=region, kind="organ", dose_gy=pair, dose_per_activity_gy_gbq=pair, bed_gy=None,
        basis="assumed" if assumed else "measured", carried_from=1 if assumed else None,
    )  # fmt: skip


def total(region, value, *, present=True, not_measured=()):
    return CumulativeResult(
        region=region, kind="organ", present=present, dose_gy=Estimate(value=value, u=0.5), u_all_shared_gy=0.7,
        u_all_independent_gy=0.4, bed_gy=None, assumed=(2,), not_measured=not_measured,
    )  # fmt: skip


LEDGER = CyclesResult(
    cycles=(
        CycleResult(cycle=1, activity_mbq=7400.0, start=None, dosimetry=True,
                    doses=(dose("left-kidney", 4.0), dose("right-kidney", 3.0))),
        CycleResult(cycle=2, activity_mbq=7200.0, start=None, dosimetry=False,
                    doses=(dose("left-kidney", 3.9, assumed=True),)),
    ),
    cumulative=(total("left-kidney", 7.9), total("right-kidney", 3.0, present=False, not_measured=(2,))),
    rule="convention: as it is",
)  # fmt: skip
LIMIT = LimitResult(
    organ="kidneys", region="left-kidney", name="kidneys-p-prrt", quantity="absorbed-dose", limit_gy=23.0,
    cumulative_gy=7.9, cumulative_u_gy=0.5, margin_gy=15.1, p_exceed=0.001, basis="2 cycles given, assumed: cycle 2",
    condition="over four cycles", origin="EBRT", source="deWit2023", status="verified",
)  # fmt: skip


@pytest.fixture
def two_cycles(result):
    return result.model_copy(update={"cycles": LEDGER, "limits": (LIMIT,)})


def texts(table):
    return [[cell.text for cell in line.cells] for line in table.rows]


def test_assumed_and_absent_are_marked(two_cycles):
    by_cycle = cycles_section(two_cycles, ())[0]
    left, right = texts(by_cycle)
    assert left == ["left kidney", "4.00 ± 0.40", "3.90 ± 0.39 *"]
    assert right[1:] == ["3.00 ± 0.30", "absent"]
    assert by_cycle.notes


def test_the_sums_show_both_extremes_and_the_rule(two_cycles):
    _, sums, rule = cycles_section(two_cycles, ())
    assert texts(sums)[0] == ["left kidney", "7.90 ± 0.50", "0.70", "0.40", "—", "2"]
    assert "convention" in rule.text


def test_a_first_cycle_has_no_section_and_no_picture(result):
    single = result.model_copy(update={"cycles": LEDGER.model_copy(update={"cycles": LEDGER.cycles[:1]})})
    assert cycles_section(single, ()) == ()
    assert draw_cycles(single) is None
    assert draw_cycles(result) is None


def test_limits_stand_beside_the_doses_and_once_with_their_origin(two_cycles):
    other = LIMIT.model_copy(update={"region": "right-kidney", "range_gy": (23.0, 28.0), "p_exceed": 0.0})
    compared, origin = limit_tables(two_cycles.model_copy(update={"limits": (LIMIT, other)}))
    first, second = texts(compared)
    assert first == ["left kidney", "kidneys-p-prrt", "absorbed-dose", "23", "7.90 ± 0.50", "15.1", "0.1 %",
                     "2 cycles given, assumed: cycle 2"]  # fmt: skip
    # A probability of a lognormal tail is not known to be zero.
    assert second[3] == "23 (23 to 28)" and second[6] == "< 0.1 %"
    ((name, condition, source, status),) = texts(origin)
    assert (name, condition, status) == ("kidneys-p-prrt", "over four cycles", "verified")
    assert "EBRT" in source
    assert "external beams" in origin.notes[0]


def test_a_margin_below_zero_is_critical(two_cycles):
    above = two_cycles.model_copy(update={"limits": (LIMIT.model_copy(update={"margin_gy": -1.0}),)})
    assert limit_tables(above)[0].rows[0].cells[5].tone == "critical"


def test_an_assumed_dose_whose_spread_nobody_states_is_marked(two_cycles):
    (cycle,) = [cycle for cycle in LEDGER.cycles if cycle.cycle == 2]
    unknown = cycle.doses[0].model_copy(update={"not_stated": ("between-cycles:left-kidney@2",)})
    changed = cycle.model_copy(update={"doses": (unknown,)})
    ledger = LEDGER.model_copy(update={"cycles": (LEDGER.cycles[0], changed)})
    by_cycle = cycles_section(two_cycles.model_copy(update={"cycles": ledger}), ())[0]
    assert texts(by_cycle)[0][2] == "3.90 ± 0.39 * †"
    assert by_cycle.notes[-1].startswith("†")


def test_the_drawing_shows_the_limit_and_stands_in_the_section(two_cycles):
    picture = draw_cycles(two_cycles)
    assert picture.name == "cycles"
    assert re.search("left kidney", picture.svg.decode())
    document = build_document(two_cycles, None, [picture])
    (section,) = [section for section in document.sections if section.name == "cycles"]
    assert [block.kind for block in section.blocks] == ["table", "picture", "table", "paragraph"]


def test_without_limits_in_absorbed_dose_nothing_is_drawn(two_cycles):
    in_bed = two_cycles.model_copy(update={"limits": (LIMIT.model_copy(update={"quantity": "BED"}),)})
    assert draw_cycles(in_bed) is None
