"""The models of the reference numbers of linear mixed models, in our terms; the data stand beside the numbers."""

import json
from functools import cache
from pathlib import Path

from theradose.statistics.design import Factor, Interaction, Numeric, build_design
from theradose.statistics.linear.mixed import RandomEffect, fit_linear_mixed

FOLDER = Path(__file__).parent / "reference" / "data" / "linear_mixed"
FACTORS = {"late", "grade", "site", "method", "arm"}

# Response, fixed terms ("a:b" is an interaction, "0" is no intercept), random effects as (group, columns, correlated).
MODELS = {
    "theoph_intercept": ("conc", "time dose", [("subject", "1", True)]),
    "theoph_intercept_ml": ("conc", "time dose", [("subject", "1", True)]),
    "theoph_slope": ("conc", "time dose", [("subject", "1 time", True)]),
    "theoph_slope_ml": ("conc", "time time:time dose", [("subject", "1 time", True)]),
    "theoph_uncorrelated": ("conc", "time dose", [("subject", "1 time", False)]),
    "theoph_late": ("conc", "late time late:time", [("subject", "1", True)]),
    "theoph_late_ml": ("conc", "late dose late:dose", [("subject", "1 late", True)]),
    "cohort_grade": ("change", "grade", [("patient", "1", True)]),
    "cohort_full": ("change", "dose grade site naive grade:site", [("patient", "1", True)]),
    "cohort_full_ml": ("change", "dose grade site grade:site", [("patient", "1", True)]),
    "cohort_dose_grade": ("change", "dose grade dose:grade", [("patient", "1", True)]),
    "cohort_slopes": ("change", "grade grade:dose", [("patient", "1", True)]),
    "cohort_square": ("change", "dose dose:dose site", [("patient", "1", True)]),
    "cohort_singular": ("change", "dose grade site", [("patient", "1", True)]),
    "cohort_singular_ml": ("change", "dose grade site", [("patient", "1", True)]),
    "cohort_singular_slope": ("change", "dose grade", [("patient", "1 dose", True)]),
    "cohort_slope": ("change", "dose grade dose:grade", [("patient", "1 dose", True)]),
    "cohort_slope_uncorrelated": ("change", "dose grade", [("patient", "1 dose", False)]),
    "cohort_few_each": ("change", "dose grade", [("patient", "1", True)]),
    "cohort_scaled": ("change", "dose grade site grade:site", [("patient", "1", True)]),
    "cohort_shifted": ("change", "dose site", [("patient", "1", True)]),
    "cohort_no_intercept": ("change", "0 grade dose", [("patient", "1", True)]),
    "cohort_800_interactions": ("change", "grade site dose grade:site grade:dose", [("patient", "1", True)]),
    "cohort_800": ("change", "dose grade site", [("patient", "1", True)]),
    "cohort_4_patients": ("change", "dose", [("patient", "1", True)]),
    "crossed": ("dose", "method time", [("patient", "1", True), ("reader", "1", True)]),
    "crossed_slope": ("dose", "method time", [("patient", "1 time", True), ("reader", "1", True)]),
    "crossed_ml": ("dose", "method time method:time", [("patient", "1", True), ("reader", "1", True)]),
    "nested": ("uptake", "cycle arm cycle:arm", [("patient", "1", True), ("lesion", "1", True)]),
    "nested_three": ("uptake", "cycle arm", [("patient", "1 cycle", True), ("lesion", "1", True)]),
    "three_coefficients": ("y", "x z arm", [("patient", "1 x z", True)]),
    "factor_coefficients": ("y", "x arm", [("patient", "x", True), ("patient", "1 arm", True)]),
}


def terms_of(data, words):
    """Return space-separated terms."""
    names = {part for word in words.split() for part in word.split(":")} - {"0", "1"}
    variables = {name: (Factor if name in FACTORS else Numeric)(name, data[name]) for name in names}
    return [
        variables[word] if ":" not in word else Interaction(*(variables[part] for part in word.split(":")))
        for word in words.split()
        if word not in ("0", "1")
    ]


@cache
def reference(name):
    """Return the numbers and data of a case."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def fit_case(name, data=None, reml=None):
    """Return our fit of a case, of other data if given."""
    known = reference(name)
    data = data or known["data"]
    response, fixed, random = MODELS[name]
    n = len(data[response])
    effects = [
        RandomEffect(
            group, data[group], build_design(terms_of(data, columns), "1" in columns.split(), rows=n), together
        )
        for group, columns, together in random
    ]
    return fit_linear_mixed(
        response=data[response],
        design=build_design(terms_of(data, fixed), "0" not in fixed.split()),
        random=effects,
        reml=known["reml"] if reml is None else reml,
    )
