"""Options that the marrow commands share, and what their texts mean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.options import parsed_positive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from theradose.dose.marrow_image import ImageMarrowOptions
    from theradose.model.finding import Finding
    from theradose.model.samples import CounterCalibration
    from theradose.quantify.samples import SampleOptions
    from theradose.quantify.vois import VoiOptions


class SpecimenName(StrEnum):
    """What was sampled."""

    BLOOD = "blood"
    PLASMA = "plasma"
    SERUM = "serum"


class SexName(StrEnum):
    """Sex of the reference adult."""

    M = "M"
    F = "F"


class InstrumentName(StrEnum):
    """What measured the samples."""

    GAMMA_COUNTER = "gamma-counter"
    ACTIVITY_METER = "activity-meter"


class ProfileName(StrEnum):
    """An analysis beside ours."""

    AS_PUBLISHED = "as-published"


SamplesArgument = Annotated[list[Path], typer.Argument(help="Tables of blood samples (CSV).")]
NuclideOption = Annotated[str, typer.Option("--nuclide", help="For example Lu-177.")]
ActivityOption = Annotated[str | None, typer.Option("--activity", help="Administered activity, '7.4 GBq'.")]
StartOption = Annotated[str | None, typer.Option("--start", help="Start of the administration, ISO 8601.")]
TimezoneOption = Annotated[str | None, typer.Option("--timezone", help="IANA zone of times without offset.")]
InfusionOption = Annotated[str | None, typer.Option("--infusion", help="Length of the infusion, '30 min'.")]
TreatmentsOption = Annotated[
    Path | None, typer.Option("--treatments", help="Table with activity, start, sex … of each treatment.")
]
SpecimenOption = Annotated[SpecimenName | None, typer.Option("--specimen", help="Where the table is silent.")]
HaematocritOption = Annotated[
    str | None, typer.Option("--haematocrit", help="Where the table is silent, 0.42 or '42 %'.")
]
SexOption = Annotated[SexName | None, typer.Option("--sex", help="Of the reference adult.")]
RatioOption = Annotated[
    str, typer.Option("--rmblr", help="Ratio of marrow and blood: 1, sgouros, or a number of your own.")
]
MethodOption = Annotated[str, typer.Option("--method", help="One of the marrow methods of 'theradose info'.")]
CounterRecordOption = Annotated[
    Path | None, typer.Option("--counter-record", help="Calibration record of the counter (YAML).")
]
CounterOption = Annotated[str | None, typer.Option("--counter", help="Name of the counter, for budgets.")]
EfficiencyOption = Annotated[
    str | None, typer.Option("--efficiency", help="Of the counter for this nuclide and tube, '95 cps/kBq'.")
]
EfficiencyUOption = Annotated[
    str | None, typer.Option("--efficiency-u", help="Its relative standard uncertainty, '2 %'.")
]
DeadTimeOption = Annotated[str | None, typer.Option("--dead-time", help="Of the counter, '4 us'.")]
InstrumentOption = Annotated[InstrumentName, typer.Option("--instrument", help="What measured the samples.")]
MeasurementUOption = Annotated[
    str | None, typer.Option("--measurement-u", help="Repeatability of one sample besides counting, '3 %'.")
]
RecoveryOption = Annotated[
    str | None, typer.Option("--recovery", help="Of the marrow volume: santoro2018 or a number; none by default.")
]
DensityOption = Annotated[
    str | None, typer.Option("--density", help="Of the marrow volume where the table is silent, '1.12 g/mL'.")
]
ImageUOption = Annotated[
    str | None, typer.Option("--image-u", help="Repeatability of one image where the table is silent, '5 %'.")
]
CalibrationUOption = Annotated[str | None, typer.Option("--calibration-u", help="Common to all images, '3 %'.")]
ProfileOption = Annotated[
    ProfileName | None, typer.Option("--profile", help="Repeat a published analysis beside this one.")
]


def parsed_samples(
    calibration: CounterCalibration | None,
    instrument: InstrumentName,
    measurement_u: str | None,
    *,
    start: datetime | None,
    timezone: str | None,
) -> SampleOptions:
    """Return how rows of samples become a curve."""
    from theradose.quantify.samples import SampleOptions

    return SampleOptions(
        start=start,
        timezone=timezone,
        calibration=calibration,
        instrument=instrument.value,
        repeatability_u=parsed_positive(measurement_u, "1", "--measurement-u"),
    )


def parsed_vois(
    image_u: str | None,
    calibration_u: str | None,
    density: str | None,
    *,
    start: datetime | None,
    timezone: str | None,
) -> VoiOptions:
    """Return how rows of volumes of interest become a curve."""
    from theradose.quantify.vois import VoiOptions

    return VoiOptions(
        start=start,
        timezone=timezone,
        repeatability_u=parsed_positive(image_u, "1", "--image-u"),
        calibration_u=parsed_positive(calibration_u, "1", "--calibration-u"),
        density_g_per_ml=parsed_positive(density, "g/mL", "--density"),
    )


def parsed_recovery(text: str | None) -> ImageMarrowOptions:
    """Return how the volume becomes red marrow, with the stated recovery or none."""
    from theradose.dose.marrow_image import ImageMarrowOptions, voi_recovery

    recovery, constant = voi_recovery(text)
    return ImageMarrowOptions(recovery=recovery, constants=() if constant is None else (constant,))


def parsed_counter(
    name: str | None,
    efficiency: str | None,
    relative_u: str | None,
    dead_time: str | None,
    *,
    record: Path | None,
    samples: Sequence[Path],
    nuclide: str,
) -> tuple[CounterCalibration | None, tuple[Finding, ...]]:
    """Return how counts become activity: by the stated efficiency, a record, or neither; and how the record fits."""
    from theradose.workflow.counter_record import CounterWords, StatedCounter, calibration_of_samples

    stated = StatedCounter(
        record,
        name,
        efficiency_cps_per_mbq=parsed_positive(efficiency, "cps/MBq", "--efficiency"),
        relative_u=parsed_positive(relative_u, "1", "--efficiency-u"),
        dead_time_us=parsed_positive(dead_time, "us", "--dead-time"),
    )
    words = CounterWords("--counter-record", "--counter", "--efficiency", "--efficiency-u", "--dead-time")
    return calibration_of_samples(stated, samples, nuclide=nuclide, words=words)
