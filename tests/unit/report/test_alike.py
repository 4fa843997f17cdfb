import pytest

from theradose.report.alike import Alike, join_alike


def test_a_text_alone_stays_as_it_is():
    assert join_alike([("liver", "26 % of liver.")]) == (Alike(("liver",), "26 % of liver."),)


def test_texts_that_differ_in_the_place_are_one():
    entries = [("liver", "Nobody verified 'liver'."), ("spleen", "Nobody verified 'spleen'.")]
    assert join_alike(entries) == (Alike(("liver", "spleen"), "Nobody verified '…'."),)


def test_numbers_that_differ_are_listed_by_place_and_others_stay():
    entries = [("liver", "25.8% lies after 168 h."), ("lesion-1", "34.4% lies after 168 h.")]
    assert join_alike(entries) == (Alike(("liver", "lesion-1"), "… lies after 168 h.", ("25.8%", "34.4%")),)


def test_moments_are_values_too():
    entries = [("tp1", "2026-03-02 14:02:00+01:00"), ("tp2", "2026-03-03 10:04:00+01:00")]
    (joined,) = join_alike(entries)
    assert joined.text == "…"
    assert joined.values == ("2026-03-02 14:02:00+01:00", "2026-03-03 10:04:00+01:00")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("(0028,0051) CorrectedImage", "(0028,0052) CorrectedImage"),  # tags are names
        ("Lu-177 was given", "Lu-176 was given"),
        ("1, 2, 3, 4 mm", "2, 3, 4, 5 mm"),  # too many to be told apart
        ("One sentence.", "Another sentence."),
    ],
)
def test_other_differences_stay_apart(first, second):
    joined = join_alike([("a", first), ("b", second)])
    assert [alike.text for alike in joined] == [first, second]


def test_two_numbers_of_one_place_stay_apart():
    joined = join_alike([("liver", "3 mL"), ("liver", "4 mL")])
    assert [alike.text for alike in joined] == ["3 mL", "4 mL"]


def test_equal_entries_are_said_once():
    assert join_alike([("a", "Same 5."), ("a", "Same 5.")]) == (Alike(("a",), "Same 5."),)
