"""The published doses as their sources print them, and what follows from them."""

import statistics

import pytest

from theradose.plan.reference_ranges import plausibility_findings, published_range, reference_doses

# Hemmingsson 2023, Table 3, Gy/GBq: vertebrae, hip bones, blood; without patient 5, whom the authors exclude.
HEMMINGSSON = """
.093 .085 .015 | .044 .030 .011 | .033 .042 .012 | .036 .025 .010 | .034 .034 .011 | .042 .028 .017 | .050 .054 .012 |
.062 .045 .013 | .070 .040 .013 | .106 .079 .023 | .077 .058 .014 | .093 .059 .023 | .093 .096 .021 | .157 .116 .029 |
.039 .030 .009 | .086 .085 .029
"""


def rows(source, **where):
    return [row for row in reference_doses(**where) if row.source.startswith(source)]


@pytest.mark.parametrize(
    ("column", "detail", "mean", "sd"),
    [(0, "vertebrae", 0.0697, 0.0341), (1, "hip", 0.0566, 0.0278), (2, "blood", 0.0164, 0.0066)],
)
def test_mean_and_deviation_follow_from_the_printed_table(column, detail, mean, sd):
    patients = [[float(number) for number in line.split()] for line in HEMMINGSSON.split("|")]
    values = [patient[column] for patient in patients]
    (row,) = [
        row
        for row in rows("Hemmingsson2023", therapy="lu177-dotatate", organ="red-marrow")
        if row.detail.startswith(detail)
    ]
    # To the printed digits; the table prints three decimals.
    assert row.n == len(values) == 16
    assert statistics.mean(values) == pytest.approx(mean, abs=6e-5) == row.mean
    assert statistics.stdev(values) == pytest.approx(sd, abs=6e-5) == row.sd
    assert row.range == (min(values), max(values))


@pytest.mark.parametrize(("given", "per_gbq"), [(4.04, "0.546"), (4.70, "0.635")])
def test_the_trap_of_the_unit_is_called_so(given, per_gbq):
    (finding,) = plausibility_findings(
        therapy="lu177-psma", organ="left-kidney", dose_per_activity_gy_gbq=given, where="left-kidney"
    )
    assert (finding.code, finding.severity, finding.where) == ("dose-implausible", "critical", "left-kidney")
    assert "looks like Gy per cycle" in finding.message and f"{per_gbq} Gy/GBq" in finding.message


@pytest.mark.parametrize(("therapy", "low", "high"), [("lu177-dotatate", 0.6, 1.0), ("lu177-psma", 0.6, 1.0)])
def test_every_printed_range_and_mean_is_inside_the_pooled_one(therapy, low, high):
    pooled = published_range(therapy=therapy, organ="kidneys")
    assert pooled.low_gy_gbq <= low and high <= pooled.high_gy_gbq
    for row in pooled.rows:
        for value in filter(None, (row.mean, row.median, *(row.range or ()))):
            assert pooled.low_gy_gbq <= value * row.per_gbq <= pooled.high_gy_gbq


def test_red_marrow_is_kept_by_method():
    blood = published_range(therapy="lu177-dotatate", organ="red-marrow", methods=("blood",))
    image = published_range(therapy="lu177-dotatate", organ="red-marrow", methods=("image", "monte-carlo"))
    # R0's own extremes by each method: 6.4 to 106.9 and 18.6 to 250.8 mGy/GBq; Hagmarker's reach further.
    assert (blood.low_gy_gbq, blood.high_gy_gbq) == (0.0064, 0.1069)
    assert image.high_gy_gbq == pytest.approx(0.287) and image.low_gy_gbq < 0.016
