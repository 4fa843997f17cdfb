import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cohort_records import region, treatment
from theradose.errors import DatabaseError, StudyError
from theradose.formats.tables_cohort import COHORT_COLUMNS, cohort_table_text, is_cohort_table, read_cohort_table

# A cell is one line, and readers take away blanks around it.
names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
numbers = st.none() | st.floats(0, allow_infinity=False)


@given(patient=names, other=names | st.none(), value=numbers, u=numbers)
@settings(max_examples=150, deadline=None)
def test_a_round_trip_loses_nothing(tmp_path_factory, patient, other, value, u):
    path = tmp_path_factory.mktemp("table") / "cohort.csv"
    written = (
        treatment(patient, 1, calibration=other, therapy=None, regions=[region(dose_gy=value, u_dose_gy=u)]),
        treatment(patient, 2, replaces=other, regions=[region("=liver"), region("#spleen"), region("'-x")]),
    )
    path.write_text(cohort_table_text(written), encoding="utf-8")
    assert read_cohort_table(path) == written
    assert is_cohort_table(path)


def test_a_spreadsheet_sees_no_formula():
    text = cohort_table_text([treatment("=1+1")])
    assert "\n'=1+1," in text


def table(tmp_path, **changes):
    lines = cohort_table_text([treatment(regions=[region(), region("spleen")])]).splitlines()[1:]
    rows = [dict(zip(COHORT_COLUMNS, line.split(","), strict=True)) for line in lines]
    rows[1] |= changes
    path = tmp_path / "cohort.csv"
    path.write_text("\n".join([",".join(COHORT_COLUMNS), *(",".join(row.values()) for row in rows)]))
    return path


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"cycle": "1.5"}, "cohort-table", "line 3: '1.5' is no cycle"),
        ({"region": "liver"}, "cohort-table", "line 3: 'liver' of P1 cycle 1 has a row already"),
        ({"activity_mbq": "7300"}, "cohort-table", "line 3: P1 cycle 1 has other values"),
        ({"u_dose_gy": "-1"}, "cohort-table", "line 3: 'u_dose_gy' is negative"),
        ({"dose_gy": "-1"}, "cohort-table", "line 3: 'dose_gy' is negative"),
        ({"kind": "liver"}, "cohort-table", "line 3: 'liver' is no kind of region: write organ, lesion"),
        ({"identity": "me"}, "cohort-table", "line 3: 'me' is no identity"),
        ({"administered_at": "yesterday"}, "cohort-table", "line 3: 'yesterday' is no date and time"),
        ({"activity_mbq": "-7"}, "cohort-table", "line 3: the activity of -7 MBq is not positive"),
        ({"nuclide": ""}, "cohort-table", "line 3: 'nuclide' is empty"),
        ({"dose_gy": "2.5 Gy"}, "table-number", "line 3: '2.5 Gy'"),
        ({"dose_gy": '"2,5"'}, "table-number", "line 3: '2,5'"),
        ({"dose_gy": "nan"}, "table-number", "line 3: 'nan'"),
    ],
)
def test_a_bad_row_is_named(tmp_path, changes, code, words):
    with pytest.raises((DatabaseError, StudyError)) as caught:
        read_cohort_table(table(tmp_path, **changes))
    assert caught.value.code == code and words in str(caught.value)
