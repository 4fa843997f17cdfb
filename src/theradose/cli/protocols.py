"""``theradose protocols``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from theradose.cli.options import parsed_start
from theradose.cli.output import (
    JsonOption,
    print_findings,
    print_json,
    print_message,
    print_table,
    print_written,
    step_progress,
)

if TYPE_CHECKING:
    from theradose.model.accuracy import Accuracy
    from theradose.model.protocol import Statement
    from theradose.workflow.protocol_choice import EquipmentGain, ProtocolOption, Recommendation
    from theradose.workflow.schedule import Schedule

_CLOCK = "%a %Y-%m-%d %H:%M"


def protocols_command(
    have: Annotated[
        str | None, typer.Option("--have", help="Equipment of the department, such as 'spect-ct,probe'.")
    ] = None,
    therapy: Annotated[str | None, typer.Option("--therapy", help="Such as lu177-dotatate.")] = None,
    show: Annotated[str | None, typer.Option("--show", help="Everything about one protocol.")] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", help="Protocol whose visits are dated; needs --at.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="Start of the administration, 2026-03-02T10:00+01:00.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="IANA zone of the department, Europe/Paris.")
    ] = None,
    closed: Annotated[
        str | None, typer.Option("--closed", help="Closed days, such as 'weekends,2026-03-06,friday'.")
    ] = None,
    opening: Annotated[
        str | None, typer.Option("--opening", help="First and last start of a visit, 08:00-17:00.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for sheets, empty tables and a study file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a department can measure, how well, and what more would buy; or date the visits of a protocol."""
    # Threads slow down the small linear algebra of curve fits; this holds if numpy is not loaded yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from theradose.errors import StudyError

    dated = {"--at": at, "--timezone": timezone, "--closed": closed, "--opening": opening, "--out": out}
    if schedule is None and (unused := [name for name, value in dated.items() if value is not None]):
        raise StudyError(f"The option {unused[0]} needs --schedule with the name of a protocol.", code="option-unused")
    if schedule is not None and (have or therapy or show):
        raise StudyError("The option --schedule goes without --have, --therapy and --show.", code="option-unused")
    if schedule is not None:
        _schedule(schedule, at, timezone, closed=closed, opening=opening, out=out, as_json=as_json)
        return
    from theradose.workflow.protocol_choice import describe_option, recommend_protocols

    names = None if have is None else [name.strip() for name in have.split(",") if name.strip()]
    recommended = recommend_protocols(names, therapy=therapy)
    if show is not None:
        from theradose.workflow.protocols import load_protocol

        load_protocol(show)
        option = next((item for item in recommended.options if item.protocol.name == show), None)
        if option is None:
            raise StudyError(f"The protocol '{show}' is not for the therapy '{therapy}': leave out --therapy.",
                             code="option-unused")  # fmt: skip
        if as_json:
            print_json(describe_option(option))
        else:
            _print_option(option)
        return
    if as_json:
        print_json(recommended.to_json())
        return
    _print_recommendation(recommended)


def _schedule(
    name: str,
    at: str | None,
    timezone: str | None,
    *,
    closed: str | None,
    opening: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    from theradose.errors import StudyError
    from theradose.workflow.opening import parse_opening
    from theradose.workflow.schedule import schedule_protocol
    from theradose.workflow.schedule_files import write_schedule

    start = parsed_start(at, "--at")
    if start is None:
        raise StudyError(
            "--schedule needs --at: write the start of the administration as 2026-03-02T10:00+01:00.",
            code="administration-start",
        )
    with step_progress() as on_step:
        dated = schedule_protocol(
            name, start=start, timezone=timezone, opening=parse_opening(opening, closed), on_step=on_step
        )
    files = () if out is None else write_schedule(dated, out)
    print_findings(dated.findings)
    if as_json:
        print_json({**dated.to_json(), "files": [str(path) for path in files]})
    else:
        _print_schedule(dated)
    print_written(files)


def _print_recommendation(recommended: Recommendation) -> None:
    from theradose.plan.therapies import load_therapies

    if recommended.have is not None and recommended.assumed:
        print_message(f"taken for granted: {', '.join(recommended.assumed)}")
    therapies = load_therapies()
    for name in dict.fromkeys(option.protocol.therapy for option in recommended.options):
        title = "any therapy" if name is None else f"{therapies[name].title} ({name}): {therapies[name].levels.text}"
        print(f"\n{title}")
        _print_options([option for option in recommended.options if option.protocol.therapy == name])
    for gain in recommended.gains:
        _print_gain(gain)
    print(
        "\nDeviations are root mean squares over virtual cohorts with unverified kinetics, from visits, fits and "
        "repeatability; calibration, recovery, volume and S value come on top."
    )


def _print_options(options: list[ProtocolOption]) -> None:
    """Print the protocols of one therapy: what is possible, on which condition, and what one more visit buys."""
    possible = [option for option in options if option.possible != "no"]
    if possible:
        rows = [_option_cells(option) for option in possible]
        print_table(["protocol", "level", "visits", "possible", "expected deviation of the integral"], rows)
    for condition in dict.fromkeys(condition for option in possible for condition in option.conditions):
        print(f"reservation: {condition}")
    for option in possible:
        if bought := _one_more(option):
            print(f"{option.protocol.name}: {bought}")
    for option in options:
        if option.possible == "no":
            print(f"not possible: {option.protocol.name}, lacks {', '.join(option.missing)}")


def _print_gain(gain: EquipmentGain) -> None:
    print(f"\nadding {gain.equipment}")
    if gain.protocols:
        print(f"  makes possible {', '.join(gain.protocols)}")
    if gain.without_reservations:
        print(f"  without reservations then {', '.join(gain.without_reservations)}")
    for therapy, (before, after) in gain.best.items():
        earlier = "not simulated before" if before is None else f"{before:.1%} before"
        print(f"  {therapy}, best expected deviation of the critical quantity: {earlier}, {after:.1%} then")


def _option_cells(option: ProtocolOption) -> list[str]:
    return [
        option.protocol.name,
        str(option.protocol.eanm_level),
        ", ".join(f"{visit.t_h:g}" for visit in option.protocol.visits) + (" h" if option.protocol.visits else "-"),
        option.possible,
        _deviations({} if option.expectation is None else option.expectation.accuracy) or "not simulated",
    ]


def _deviations(accuracy: dict[str, Accuracy]) -> str:
    return ", ".join(f"{name} {item.rms:.1%} (bias {item.bias:+.1%})" for name, item in accuracy.items())


def _one_more(option: ProtocolOption) -> str:
    """Return what one more visit buys for the quantity by which the protocol is judged, with equal patients."""
    expectation, critical = option.expectation, option.critical
    if expectation is None or expectation.one_more is None or critical is None:
        return ""
    name, _ = critical
    now, then = expectation.paired[name], expectation.one_more.accuracy[name]
    if then.rms >= now.rms:
        return f"no visit of those tried makes {name} better"
    return f"one more visit at {expectation.one_more.t_h:g} h: {name} {now.rms:.1%} to {then.rms:.1%}"


def _print_option(option: ProtocolOption) -> None:
    protocol, expectation = option.protocol, option.expectation
    print(f"{protocol.name}: {protocol.title}")
    print(f"level {protocol.eanm_level}" + (f": {_sentence(protocol.level)}" if protocol.level else ""))
    print(f"equipment: {', '.join(protocol.equipment)}; to prepare: {', '.join(protocol.preparation)}")
    print(f"possible: {option.possible}" + (f", lacks {', '.join(option.missing)}" if option.missing else ""))
    for condition in option.conditions:
        print(f"  {condition}")
    rows = [[item.id, item.when, "", "; ".join(f"{m.kind.value}: {m.covers}" for m in item.measure)]
            for item in protocol.planning]  # fmt: skip
    rows += [
        [
            item.id,
            f"{item.t_h:g} h",
            f"± {item.tolerance_h:g} h",
            "; ".join(f"{m.kind.value}: {m.covers}" for m in item.measure),
        ]
        for item in protocol.visits
    ]
    print_table(["visit", "when", "tolerance", "what"], rows)
    if protocol.schedule is not None:
        print(f"times: {_sentence(protocol.schedule)}")
    for result in protocol.yields:
        accuracy = None if expectation is None else expectation.accuracy.get(result.quantity)
        expected = (
            f"not simulated: {result.not_simulated}"
            if accuracy is None
            else f"rms {accuracy.rms:.1%} ± {accuracy.u_rms:.1%}, sd {accuracy.sd:.1%}, bias {accuracy.bias:+.1%}"
        )
        print(f"yields {result.quantity} by {result.method}: {expected}")
    if expectation is not None and expectation.paired:
        print(f"the same patients as below: {_deviations(expectation.paired)}")
        for visit, accuracy_without in expectation.without.items():
            print(f"without {visit}: {_deviations(accuracy_without) or 'not possible'}")
        if expectation.one_more is not None:
            print(
                f"with one more visit at {expectation.one_more.t_h:g} h: {_deviations(expectation.one_more.accuracy)}"
            )
    for label, statements in (
        ("for", protocol.advantages), ("against", protocol.disadvantages), ("reported", protocol.reported),
    ):  # fmt: skip
        for statement in statements:
            print(f"{label}: {_sentence(statement)}")


def _sentence(statement: Statement) -> str:
    return f"{statement.text} [{statement.source}; {statement.status}]"


def _print_schedule(dated: Schedule) -> None:
    print(f"{dated.protocol.name}: {dated.protocol.title}")
    for item in dated.protocol.planning:
        print(f"before: {item.when}: {'; '.join(f'{m.kind.value}: {m.covers}' for m in item.measure)}")
    rows = [
        [
            visit.visit.id,
            f"{visit.scheduled:{_CLOCK}}",
            f"{visit.t_h:.4g}",
            f"{visit.earliest:{_CLOCK}}",
            f"{visit.latest:{_CLOCK}}",
            "-" if not visit.reason else f"{visit.moved_h:+.1f} h, {visit.reason}",
            ", ".join(item.kind.value for item in visit.visit.measure),
        ]
        for visit in dated.visits
    ]
    print_table(["visit", "scheduled", "t / h", "earliest", "latest", "moved", "what"], rows)
    for change in dated.effect:
        planned, scheduled = (
            "not possible" if item is None else f"{item.rms:.1%} (bias {item.bias:+.1%})"
            for item in (change.planned, change.scheduled)
        )
        print(f"expected deviation of {change.quantity}: {planned} as planned, {scheduled} as scheduled")
    if dated.effect:
        print(f"({dated.patients} virtual patients, the same for both)")
