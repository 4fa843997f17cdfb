"""The pages of an analysis of dose and response.

References
----------
[Warfvinge2024]_ Tables and figures that are repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from theradose.cohort.response.analysis import ALL_GRADES, DoseAnalysis, ResponseAnalysis
from theradose.cohort.response.discrimination import Discrimination
from theradose.cohort.response.means import GroupDifference
from theradose.cohort.response.regrowth import Regrowth
from theradose.cohort.response.selection import published_selection_gap
from theradose.cohort.response.settings import ResponseSettings, constants
from theradose.cohort.response.shrinkage import GrowthParameters
from theradose.model.tumours import KIND_WORDS
from theradose.numbers import (
    UNKNOWN,
    format_estimate,
    format_fixed,
    format_given,
    format_number,
    format_p,
    format_percent,
)
from theradose.report.blocks import Block, Cell, Column, Fact, Facts, Illustration, Paragraph, Row, Section, Table, row
from theradose.report.cohort_response_figures import (
    draw_boxes,
    draw_control,
    draw_regrowth,
    draw_residuals,
    draw_roc,
    draw_selection,
    draw_shrinkage,
    grade_words,
)
from theradose.report.pages import Pages
from theradose.report.style import Picture
from theradose.statistics.binary.curve import LogitEffect
from theradose.statistics.intervals import Interval
from theradose.statistics.linear.effect_tests import Contrast

_Place = Callable[[Picture | None], tuple[Block, ...]]
_NOTICE = (
    "The analysis describes this cohort. A relation is no proof that a dose causes the response: tumours that go on "
    "shrinking get further cycles, which the sums of doses contain, and have more scans, of which the smallest volume "
    "counts. A dose stated here is no target for a patient until it was confirmed in other patients."
)


def response_pages(analysis: ResponseAnalysis) -> Pages:
    """Return the pages: answer, tumours, means, probability of response, loss of volume, growth, all p values."""
    pictures: list[Picture] = []

    def place(picture: Picture | None) -> tuple[Block, ...]:
        if picture is None:
            return ()
        pictures.append(picture)
        return (Illustration.of(picture),)

    sections = (
        _selection_section(analysis, place(draw_selection(analysis.selection))),
        _means_section(analysis, tuple(block for one in analysis.by_dose for block in _box_figures(one, place))),
        *(_control_section(one, analysis, place) for one in analysis.by_dose),
        _shrinkage_section(analysis, place),
        _baseline_section(analysis, place),
        _regrowth_section(analysis, place),
        _looks_section(analysis),
        Section("residuals", "Residuals of the linear models", place(draw_residuals(_all_means(analysis)))),
    )
    counts = analysis.selection.analysed
    return Pages(
        title="Dose and response of tumours",
        subject=f"{counts.tumours} tumours of {counts.patients} patients; primary analysis: dose "
        f"{KIND_WORDS[analysis.primary.kind]}",
        summary=_summary(analysis),
        sections=sections,
        pictures=tuple(pictures),
        constants=constants(analysis.settings),
        findings=analysis.findings,
    )


def answers(analysis: ResponseAnalysis) -> tuple[str, ...]:
    """Return the answer of the primary analysis, one sentence for each grade."""
    one, settings = analysis.primary, analysis.settings
    if not one.control.fits:
        return (f"There is no model of the response: {one.control.refused}",)
    return tuple(_answer(one, grade, settings) for grade in one.control.grades)


def _answer(one: DoseAnalysis, grade: str, settings: ResponseSettings) -> str:
    slope = one.control.fits[0].slopes[grade]
    mask = one.of_grade(grade)
    start = (
        f"{grade_words(grade).capitalize() if grade == ALL_GRADES else grade}: {int(one.responds[mask].sum())} of "
        f"{int(mask.sum())} tumours responded (loss of volume of {format_percent(settings.responder)} or more). "
    )
    p = one.control.tests[grade].p
    alone = " in this grade alone" if len(one.control.grades) > 1 else ""
    relation = f"slope {_interval_of(slope)} per Gy on the logit scale, {format_p(p)}{alone}"
    words = KIND_WORDS[one.kind]
    if not p < settings.alpha:
        return f"{start}A relation with the dose {words} is not shown ({relation}); no dose is stated."
    if slope.value < 0:
        return f"{start}The response falls with the dose {words} ({relation}); no dose is stated."
    intercepts = one.control.intercepts
    if intercepts is not None and intercepts.p < settings.alpha:
        return (
            f"{start}The response rises with the dose {words} ({relation}), but the grades differ at any dose "
            f"({format_p(intercepts.p)}): no dose is stated unless each is analysed alone."
        )
    if not one.control.significant(grade):
        return (
            f"{start}The response rises with the dose {words} ({relation}), but too few tumours tell how steeply: no "
            "dose has an interval, and none is stated."
        )
    doses = "; ".join(
        f"{format_percent(d.probability)} at {format_number(d.value)} Gy "
        f"[{format_number(d.low)}, {format_number(d.high)}]"
        for d in one.control.curves[grade].doses
    )
    doses = doses or "all that are asked for are reached without dose"
    return f"{start}The response rises with the dose {words} ({relation}). Probability of response: {doses}."


def _summary(analysis: ResponseAnalysis) -> tuple[Block, ...]:
    settings, selection = analysis.settings, analysis.selection
    facts = Facts(
        (
            Fact("Tumours analysed", f"{selection.analysed.tumours} of {selection.initial.tumours}"),
            Fact("Patients", f"{selection.analysed.patients} of {selection.initial.patients}"),
            Fact("Responders", str(int(analysis.primary.responds.sum()))),
            Fact("Dose", KIND_WORDS[analysis.primary.kind]),
            Fact("Model", analysis.primary.control.fits[0].name if analysis.primary.control.fits else "none"),
            Fact("p values looked at", str(len(analysis.looks))),
        )
    )
    question = (
        f"Primary analysis, fixed before the data were read: does the probability of response depend on the dose "
        f"{KIND_WORDS[analysis.primary.kind]}, by the slope of a logistic model with an effect of the patient"
        f"{' and a slope for each grade' if len(analysis.grades) > 1 else ''}, at a level of "
        f"{format_given(round(settings.alpha, 6))}? Everything else is exploratory."
    )
    return (facts, Paragraph(question), *(Paragraph(text) for text in answers(analysis)), Paragraph(_NOTICE))


def _selection_section(analysis: ResponseAnalysis, picture: tuple[Block, ...]) -> Section:
    check = "The counts add up." if analysis.selection.adds_up else "The counts do not add up."
    note = Paragraph(f"{check} {published_selection_gap()}")
    groups = analysis.characteristics
    names = list(dict.fromkeys(name for group in groups for name in group.quantities))
    spreads = tuple(
        row(
            name,
            *(
                UNKNOWN
                if (s := group.quantities.get(name)) is None
                else f"{format_number(s.median)} [{format_number(s.low)}, {format_number(s.high)}]"
                for group in groups
            ),
        )
        for name in names
    )
    counts = (
        row("tumours (patients)", *(f"{group.tumours} ({group.patients})" for group in groups)),
        row("responders", *(str(group.responders) for group in groups)),
        *(
            row(f"origin {organ}", *(f"{n} ({m})" for group in groups for n, m in [group.primaries.get(organ, (0, 0))]))
            for organ in dict.fromkeys(organ for group in groups for organ in group.primaries)
        ),
    )
    table = Table(
        "Analysed tumours",
        (Column("", stretch=1.0), *(Column(grade_words(group.group), "", "right") for group in groups)),
        (*counts, *spreads),
        ("Median [range]; numbers of tumours with patients in brackets.",),
    )
    return Section("selection", "Tumours", (*picture, note, table))


def _means_section(analysis: ResponseAnalysis, pictures: tuple[Block, ...]) -> Section:
    tables = []
    for one in analysis.by_dose:
        items = (*one.dose_means, *one.activity_means)
        tables.append(_means_table(f"Responders and others, {KIND_WORDS[one.kind]}", items))
    note = Paragraph(
        "Means by a linear mixed model with an effect of the patient, p with the degrees of freedom of Kenward and "
        "Roger and, beside, of Satterthwaite. Where every patient has the same activity for all tumours, such a model "
        "does not exist; the slope of the response on the activity stands in the list of all p values."
    )
    return Section("means", "Dose and activity of responders", (note, *tables, *pictures))


def _means_table(caption: str, items: Sequence[GroupDifference]) -> Table:
    return Table(
        caption,
        (Column("", stretch=1.0), Column("Tumours", "", "right"), Column("Mean [interval]", "", "right"),
         Column("Difference", "", "right"), Column("df, p (KR)", "", "right"), Column("df, p (Sw)", "", "right")),
        tuple(line for means in items for line in _means_rows(means)),
        tuple(
            dict.fromkeys(
                f"{means.quantity}, {grade_words(means.grade)}: {means.refused}"
                for means in items
                if means.refused
            )
        ),
    )  # fmt: skip


def _means_rows(means: GroupDifference) -> Iterator[Row]:
    group = f"{means.quantity}, {grade_words(means.grade)}"
    tests = [means.difference.get(method) for method in ("kenward-roger", "satterthwaite")]
    if "student" in means.difference:
        tests[0] = means.difference["student"]
    for k, (label, n) in enumerate(zip(means.labels, means.counts, strict=True)):
        mean = _contrast_cell(means.means[k]) if means.means else UNKNOWN
        last = k == 1
        yield row(
            label,
            str(n),
            mean,
            _contrast_cell(means.test) if last and means.test else "",
            *(_df_p(test) if last else "" for test in tests),
            group=group if k == 0 else "",
        )


def _box_figures(one: DoseAnalysis, place: _Place) -> tuple[Block, ...]:
    words = KIND_WORDS[one.kind]
    return (
        *place(draw_boxes(one.dose_means, name=f"doses-{one.kind}", label="Dose (Gy)",
                          caption=f"Dose {words} of responders and others; boxes are quartiles, whiskers 1.5 "
                          "interquartile ranges.")),
        *(place(draw_boxes(one.activity_means, name=f"activities-{one.kind}", label="Activity (GBq)",
                           caption=f"Administered activity {words} of responders and others.")) if one.activity_means
          else ()),
    )  # fmt: skip


def _control_section(one: DoseAnalysis, analysis: ResponseAnalysis, place: _Place) -> Section:
    words = KIND_WORDS[one.kind]
    role = "primary" if one is analysis.primary else "exploratory"
    title = f"Probability of response by dose {words} ({role})"
    if not one.control.fits:
        return Section(f"control-{one.kind}", title, (Paragraph(one.control.refused), *place(draw_control(one))))
    fits = Table(
        "Logistic models",
        (Column("", stretch=1.0), Column("Grade"), Column("Intercept", "", "right"),
         Column("Slope per Gy", "", "right"), Column("p (Wald)", "", "right"),
         Column("p (LR, alone)", "", "right"), Column("Patient SD", "", "right")),
        tuple(
            row(fit.name, grade_words(grade), format_estimate(_pair(fit.intercept)), _interval_of(slope),
                format_p(slope.p),
                format_p(one.control.tests[grade].p) if fit is one.control.fits[0] else "",
                UNKNOWN if fit.patient_sd is None else format_number(fit.patient_sd))
            for fit in one.control.fits
            for grade, slope in fit.slopes.items()
        ),
        ("Methods differ in how the patient effect is integrated out; the first one counts. SD on the logit scale. "
         "Wald's p is of the slope beside the common intercept, the likelihood ratio that of the grade alone.",),
    )  # fmt: skip
    blocks: list[Block] = [fits, *place(draw_control(one))]
    lines = [line for grade in one.control.curves for line in _dose_lines(one, grade)]
    if lines:
        blocks.append(
            Table(
                "Doses and what they mean, at patient effect 0",
                (Column("Grade"), Column("Dose", "Gy", "right"), Column("Probability", "", "right"),
                 Column("Odds", "", "right"), Column("Sensitivity", "", "right"), Column("Specificity", "", "right")),
                tuple(lines),
                ("Odds are responders per non-responder, no ratio of odds. Rows with an interval of the dose are doses "
                 "at which the curve reaches a probability. Sensitivity and specificity call tumours from the dose on "
                 "responders; their intervals take tumours for independent.",),
            )
        )  # fmt: skip
    if one.control.intercepts is not None:
        blocks.append(
            Paragraph(f"One intercept for all grades against one for each: {format_p(one.control.intercepts.p)}.")
        )
    silent = [grade for grade in one.control.grades if not one.control.significant(grade)]
    if silent:
        names = ", ".join(grade_words(grade) for grade in silent)
        blocks.append(Paragraph(f"Not significant: {names}. No dose, cut-off or curve is stated there."))
    blocks += [_roc_table(one), *place(draw_roc(one)), _correlation_table(one)]
    return Section(f"control-{one.kind}", title, tuple(blocks))


def _dose_lines(one: DoseAnalysis, grade: str) -> Iterator[Row]:
    curve, found = one.control.curves[grade], one.discrimination[grade]
    for d in curve.doses:
        dose = f"{format_number(d.value)} [{format_number(d.low)}, {format_number(d.high)}]"
        yield row(grade_words(grade), dose, format_percent(d.probability), "", "", "")
    by_dose = {point.threshold: point for point in found.points}
    for odds in curve.odds:
        p, low, high = odds.probability
        point = by_dose.get(odds.dose_gy)
        yield row(
            grade_words(grade),
            format_given(odds.dose_gy),
            f"{format_percent(p)} [{format_percent(low)}, {format_percent(high)}]",
            f"{format_number(odds.odds)} [{format_number(odds.odds_low)}, {format_number(odds.odds_high)}]",
            UNKNOWN if point is None else _share(point.sensitivity),
            UNKNOWN if point is None else _share(point.specificity),
        )
    if found.best is not None:
        best = found.best
        interval = found.bootstrap.threshold if found.bootstrap else None
        dose = f"{format_number(best.threshold)} (best cut-off)"
        if interval is not None:
            dose += f" [{format_number(interval.low)}, {format_number(interval.high)}]"
        yield row(grade_words(grade), dose, "", "", _share(best.sensitivity), _share(best.specificity))


def _roc_table(one: DoseAnalysis) -> Table:
    return Table(
        "Area under the curve",
        (Column("Grade"), Column("DeLong", "", "right"), Column("Bootstrap", "", "right"),
         Column("Clustered by patient", "", "right"), Column("Bootstrap of patients", "", "right"),
         Column("p", "", "right")),
        tuple(_roc_row(found) for found in one.discrimination.values()),
        (*(f"{grade_words(f.grade)}: {f.refused}" for f in one.discrimination.values() if f.refused),
         "DeLong's interval and the bootstrap take tumours for independent; p is that of the area clustered by patient "
         "where patients have several tumours. With few tumours all four intervals are somewhat too narrow."),
    )  # fmt: skip


def _roc_row(found: Discrimination) -> Row:
    bootstraps = [None if b is None else b.auc for b in (found.bootstrap, found.bootstrap_clustered)]
    areas = [None if a is None else Interval(a.value, a.low, a.high) for a in (found.delong, found.clustered)]
    cells = [UNKNOWN if item is None else _share(item) for item in (areas[0], bootstraps[0], areas[1], bootstraps[1])]
    return row(grade_words(found.grade), *cells, UNKNOWN if found.p is None else format_p(found.p))


def _correlation_table(one: DoseAnalysis) -> Table:
    return Table(
        "Correlation of dose and loss of volume",
        (Column("Grade"), Column("Pearson", "", "right"), Column("p", "", "right"), Column("Spearman", "", "right"),
         Column("p", "", "right")),
        tuple(
            row(grade_words(grade), _share(Interval(a.value, a.low, a.high)), format_p(a.p),
                _share(Interval(b.value, b.low, b.high)), format_p(b.p))
            for grade, (a, b) in one.correlations.items()
        ),
        ("Tumours are taken for independent; several tumours of a patient make these p values too small.",),
    )  # fmt: skip


def _shrinkage_section(analysis: ResponseAnalysis, place: _Place) -> Section:
    blocks: list[Block] = []
    for one in analysis.by_dose:
        found = one.shrinkage
        if found.refused:
            blocks.append(Paragraph(f"Dose {KIND_WORDS[one.kind]}: {found.refused}"))
        else:
            blocks.append(
                Table(
                    f"Asymptotic growth, dose {KIND_WORDS[one.kind]}: loss = a (1 − exp(−D/D₀))",
                    (Column("Method", stretch=1.0), Column("Grade"), Column("a", "%", "right"),
                     Column("D₀", "Gy", "right"), Column("Patient SD", "%", "right"),
                     Column("Residual SD", "%", "right")),
                    tuple(
                        row(fit.method, grade_words(grade), *_growth_cells(part),
                            format_number(100 * fit.patient_sd), format_number(100 * fit.residual_sd))
                        for fit in found.fits
                        for grade, part in fit.parameters.items()
                    ),
                    ("Estimate ± standard error. Grades whose response does not depend significantly on the dose are "
                     "left out. The two methods differ because the variance depends on the curve.",),
                )
            )  # fmt: skip
        blocks += place(draw_shrinkage(one))
    return Section("shrinkage", "Loss of volume by dose", tuple(blocks))


def _baseline_section(analysis: ResponseAnalysis, place: _Place) -> Section:
    if not analysis.baseline:
        return Section("baseline", "Volume at baseline", ())
    split = format_given(analysis.settings.split_ml)
    caption = (
        f"Loss of volume of tumours below and from {split} mL at baseline on; all delineated tumours, also those too "
        "small for the relations with the dose."
    )
    picture = draw_boxes(analysis.baseline, name="baseline", label="Loss of volume (%)", caption=caption, factor=100)
    table = _means_table("Loss of volume (fraction) by volume at baseline", analysis.baseline)
    return Section("baseline", "Volume at baseline", (table, *place(picture)))


def _regrowth_section(analysis: ResponseAnalysis, place: _Place) -> Section:
    grown = analysis.regrowth
    if grown is None:
        return Section("growth", "Time to growth", ())
    growth = format_percent(analysis.settings.growth)
    note = Paragraph(
        f"Growth is a volume larger by {growth} than the smallest before it. Times count from the last cycle, when the "
        f"sum of doses is known. {grown.events} of {grown.tumours} tumours of {grown.patients} patients grew; "
        f"{grown.left_out} tumours without a time are left out. The log-rank test takes tumours for independent."
    )
    return Section("growth", "Time to growth", (note, *place(draw_regrowth(grown)), _hazard_block(grown)))


def _hazard_block(grown: Regrowth) -> Block:
    if not grown.hazard:
        return Paragraph(f"Cox's model: {grown.refused}")
    return Table(
        "Hazard of growth (Cox, standard errors clustered by patient)",
        (Column("", stretch=1.0), Column("Ratio [interval]", "", "right"), Column("p", "", "right"),
         Column("SE of log, clustered", "", "right"), Column("independent", "", "right")),
        tuple(
            row(h.name, f"{format_number(h.value)} [{format_number(h.low)}, {format_number(h.high)}]", format_p(h.p),
                format_number(h.u_log), format_number(h.u_log_independent))
            for h in grown.hazard
        ),
        ("Clustered errors are too small where few patients had growth: compare both.",),
    )  # fmt: skip


def _looks_section(analysis: ResponseAnalysis) -> Section:
    looks, alpha = analysis.looks, analysis.settings.alpha
    small = sum(look.p < alpha for look in looks)
    note = Paragraph(
        f"{len(looks)} p values were computed, {sum(look.primary for look in looks)} of them asked in advance; {small} "
        f"are below {format_given(round(alpha, 6))}, where chance alone would make about "
        f"{format_fixed(alpha * len(looks), 1)} so in independent tests. Exploratory ones are not adjusted."
    )
    table = Table(
        "All p values",
        (Column("Question", stretch=1.0), Column("p", "", "right"), Column("Holm", "", "right"), Column("Role")),
        tuple(
            row(
                Cell(look.name, strong=look.primary),
                format_p(look.p),
                "" if look.adjusted is None else format_p(look.adjusted),
                "primary" if look.primary else "exploratory",
            )
            for look in looks
        ),
    )
    return Section("looks", "All p values", (note, table))


def _all_means(analysis: ResponseAnalysis) -> tuple[GroupDifference, ...]:
    return (*(m for one in analysis.by_dose for m in (*one.dose_means, *one.activity_means)), *analysis.baseline)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A value with its standard uncertainty, as a table shows it."""

    value: float | None
    u: float | None


def _pair(effect: LogitEffect) -> _Pair:
    return _Pair(effect.value, effect.u)


def _interval_of(effect: LogitEffect) -> str:
    return f"{format_number(effect.value)} [{format_number(effect.low)}, {format_number(effect.high)}]"


def _contrast_cell(item: Contrast) -> str:
    return f"{format_number(item.estimate)} [{format_number(item.low)}, {format_number(item.high)}]"


def _df_p(item: Contrast | None) -> str:
    return UNKNOWN if item is None else f"{format_fixed(item.df, 1)}, {format_p(item.p)}"


def _share(item: Interval) -> str:
    return f"{format_fixed(item.value, 2)} [{format_fixed(item.low, 2)}, {format_fixed(item.high, 2)}]"


def _growth_cells(part: GrowthParameters) -> tuple[str, str]:
    amplitude = _Pair(100 * part.amplitude, 100 * part.u_amplitude)
    return format_estimate(amplitude), format_estimate(_Pair(part.scale_gy, part.u_scale_gy))
