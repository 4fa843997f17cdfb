"""``theradose marrow compare``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from theradose.cli.marrow import print_marrow_findings
from theradose.cli.marrow_options import (
    ActivityOption,
    CalibrationUOption,
    CounterOption,
    CounterRecordOption,
    DeadTimeOption,
    DensityOption,
    EfficiencyOption,
    EfficiencyUOption,
    HaematocritOption,
    ImageUOption,
    InfusionOption,
    InstrumentName,
    InstrumentOption,
    MeasurementUOption,
    ProfileName,
    ProfileOption,
    RatioOption,
    RecoveryOption,
    SamplesArgument,
    SexOption,
    SpecimenOption,
    StartOption,
    TimezoneOption,
    TreatmentsOption,
    parsed_counter,
    parsed_recovery,
    parsed_samples,
    parsed_vois,
)
from theradose.cli.options import parsed_infusion, parsed_positive, parsed_start
from theradose.cli.output import JsonOption, print_json, print_table, print_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from theradose.model.finding import Finding
    from theradose.report.marrow_comparison import Analysis, LateInfluence, MarrowComparison, ModelDoses


_USUAL_NUCLIDE = "Lu-177"


def compare_marrow_command(
    samples: SamplesArgument,
    images: Annotated[
        list[Path], typer.Option("--images", help="Table of volumes of interest in marrow (CSV); may be repeated.")
    ],
    nuclide: Annotated[str | None, typer.Option("--nuclide", help="For example Lu-177.")] = None,
    activity: ActivityOption = None,
    start: StartOption = None,
    timezone: TimezoneOption = None,
    infusion: InfusionOption = None,
    treatments: TreatmentsOption = None,
    specimen: SpecimenOption = None,
    haematocrit: HaematocritOption = None,
    sex: SexOption = None,
    rmblr: RatioOption = "1",
    blood_method: Annotated[str, typer.Option("--blood-method", help="Marrow method of the blood.")] = "s-value",
    image_method: Annotated[
        str, typer.Option("--image-method", help="Marrow method of the images.")
    ] = "local-deposition",
    recovery: RecoveryOption = None,
    density: DensityOption = None,
    counter_record: CounterRecordOption = None,
    counter: CounterOption = None,
    efficiency: EfficiencyOption = None,
    efficiency_u: EfficiencyUOption = None,
    dead_time: DeadTimeOption = None,
    instrument: InstrumentOption = InstrumentName.GAMMA_COUNTER,
    measurement_u: MeasurementUOption = None,
    image_u: ImageUOption = None,
    calibration_u: CalibrationUOption = None,
    profile: ProfileOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for marrow_compare.pdf, tables and marrow_compare.json.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the red marrow doses from blood samples and from images over a cohort."""
    # Threads slow down the small linear algebra of curve fits; this holds if numpy is not loaded yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from theradose.workflow.marrow import BloodMarrowOptions
    from theradose.workflow.marrow_compare import compare_marrow
    from theradose.workflow.marrow_compare_document import comparison_document
    from theradose.workflow.marrow_compare_files import write_comparison
    from theradose.workflow.marrow_vois import VoiMarrowOptions
    from theradose.workflow.treatments import TreatmentDefaults

    moment, administered = parsed_start(start, "--start"), parsed_positive(activity, "MBq", "--activity")
    infusion_h = parsed_infusion(infusion)
    named, noticed = _nuclide(nuclide)
    calibration, checked = parsed_counter(
        counter, efficiency, efficiency_u, dead_time, record=counter_record, samples=samples, nuclide=named
    )
    noticed = (*noticed, *checked)
    blood = BloodMarrowOptions(
        nuclide=named,
        samples=parsed_samples(calibration, instrument, measurement_u, start=moment, timezone=timezone),
        activity_mbq=administered,
        infusion_h=infusion_h,
        specimen=None if specimen is None else specimen.value,
        haematocrit=parsed_positive(haematocrit, "1", "--haematocrit"),
        sex=None if sex is None else sex.value,
        ratio=rmblr,
        method=blood_method,
    )
    image = VoiMarrowOptions(
        nuclide=named,
        vois=parsed_vois(image_u, calibration_u, density, start=moment, timezone=timezone),
        treatment=TreatmentDefaults(activity_mbq=administered, start=moment, infusion_h=infusion_h, sex=blood.sex),
        image=parsed_recovery(recovery),
        method=image_method,
    )
    as_published = profile is ProfileName.AS_PUBLISHED
    cohort = compare_marrow(samples, images, blood, image, treatments=treatments, noticed=noticed)
    document = comparison_document(cohort, as_published=as_published)
    written = () if out is None else write_comparison(cohort, document, out, as_published=as_published)
    print_marrow_findings(cohort.comparison.findings)
    if as_json:
        print_json(document)
    else:
        _print_comparison(cohort.comparison, as_published=as_published)
    print_written(written)


def _nuclide(stated: str | None) -> tuple[str, tuple[Finding, ...]]:
    from theradose.model.finding import Finding

    if stated is not None:
        return stated, ()
    message = f"The nuclide is not stated; {_USUAL_NUCLIDE} is assumed, that of the published comparison."
    return _USUAL_NUCLIDE, (Finding("nuclide-assumed", "warning", message, "cohort"),)


def _print_comparison(comparison: MarrowComparison, *, as_published: bool) -> None:
    counts = comparison.treatments
    print(
        f"{comparison.nuclide}: {counts['blood']} treatments with blood samples, {counts['image']} with images, "
        f"{counts['both']} with both"
    )
    print("\nSelf dose, mGy/GBq: median [range], n")
    printed = {"blood": comparison.printed["table_3_blood"], "image": comparison.printed["table_4_image"]}
    rows = []
    for item in comparison.ours.doses:
        row = [item.name, _doses(item)]
        if as_published:
            other = next((one for one in comparison.published.doses if one.name == item.name), None)
            numbers = printed[item.method].get(item.model)
            row += ["" if other is None else _doses(other), "" if numbers is None else _printed(numbers)]
        rows.append(row)
    headers = ["", "weighted", *(["as published, this cohort", "Vallot 2024"] if as_published else [])]
    print_table(headers, rows)
    print(f"\nWithout samples after {comparison.late_sample_h:g} h, or the last image: change in per cent")
    late = comparison.printed["table_5_blood_late"]
    rows = [
        [
            f"{item.method} {item.model}",
            _changes(item),
            _changes(comparison.published.late_of(item.method, item.model)),
            *([_printed(late[item.model]) if item.method == "blood" else ""] if as_published else []),
        ]
        for item in comparison.ours.late
    ]
    print_table(["", "weighted", "unweighted", *(["Vallot 2024, mean [range]"] if as_published else [])], rows)
    for analysis in (comparison.published, comparison.ours) if as_published else (comparison.ours,):
        _print_agreement(analysis)
    print("\nWhy images and blood differ")
    for reason in comparison.gap:
        factor = "" if reason.factor is None else f" (x {reason.factor:.3g})"
        print(f"  {reason.name}{factor}: {reason.text} [{reason.source}]")
    print("\nLate samples")
    for text in comparison.late_explained:
        print(f"  {text}")


def _print_agreement(analysis: Analysis) -> None:
    print(f"\nImages minus blood, {analysis.name}: per cent of the mean, with 95 % intervals")
    rows = [
        [
            f"{pair.first} - {pair.second}",
            f"{pair.relative.bias.value:.0f} [{pair.relative.bias.low:.0f}, {pair.relative.bias.high:.0f}]",
            f"{pair.relative.lower.value:.0f} to {pair.relative.upper.value:.0f}",
            f"{pair.concordance.value:.2f}",
            f"{pair.pearson.value:.2f}",
            f"{pair.spearman.value:.2f}",
        ]
        for pair in analysis.agreements
        if pair.first.startswith("image") and pair.second.startswith("blood")
    ]
    print_table(["", "bias", "limits of agreement", "concordance", "Pearson", "Spearman"], rows)


def _doses(item: ModelDoses) -> str:
    return _summary(item.mgy_per_gbq.tolist(), len(item.left_out))


def _changes(item: LateInfluence) -> str:
    return _summary(item.percent.tolist(), len(item.left_out))


def _summary(values: Sequence[float], left_out: int) -> str:
    from theradose.report.marrow_comparison import median_and_range

    numbers = median_and_range(values)
    if numbers is None:
        return f"refused ({left_out})" if left_out else "-"
    median, low, high = numbers
    more = f", {left_out} left out" if left_out else ""
    return f"{_number(median)} [{_number(low)}, {_number(high)}], n = {len(values)}{more}"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    # Adding zero turns a rounded negative zero into zero.
    return f"{round(value, 2) + 0.0:.2f}" if abs(value) < 1 else f"{value:.3g}"


def _printed(numbers: Any) -> str:
    return f"{numbers[0]:g} [{numbers[1]:g}, {numbers[2]:g}]"
