"""The command `rampjax yield`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rampjax.checks import InputError
from rampjax.cli import options
from rampjax.cli.printing import print_json, say_written

if TYPE_CHECKING:
    from rampjax.config.points import Point

# What a design file settles, by parameter: how it is spelled on the command line.
_SETTLED = {
    "function": "FUNCTION",
    "expr": "--expr",
    "table": "--table",
    "bits": "--bits",
    "device": "--device",
    "calibration": "--calibration",
    "range_": "--range",
    "levels": "--levels",
    "input_dist": "--input-dist",
    "data": "--data",
}


def yield_(
    context: typer.Context,
    function: options.FunctionArgument = None,
    expr: options.Expression = None,
    table: options.Table = None,
    design: Annotated[
        Path | None,
        typer.Option(
            "--design",
            metavar="FILE",
            help="Simulate exactly the design of this file, as `design` and `solve` write it, instead of a FUNCTION; "
            "--set then takes figures that leave its layout alone, such as device.sigma_prog_uS.",
        ),
    ] = None,
    bits: options.Bits = 5,
    device: options.DeviceOption = "taox_paper",
    calibration: options.Calibration = "none",
    range_: options.Range = None,
    levels: options.Levels = "midrise",
    input_dist: options.InputDist = "output",
    set_: options.Set = None,
    data: options.Data = None,
    spec: Annotated[
        float | None,
        typer.Option(
            "--spec",
            parser=options.real,
            metavar="S",
            help="A chip is good up to this error, in output steps (LSB); of missing-codes up to so many. Default: "
            "0.5, of missing-codes 0",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", parser=options.whole, metavar="N", help="Number of chips.")
    ] = 20_000,
    measure: Annotated[
        str,
        typer.Option(
            "--measure",
            metavar="M",
            help="static: worst INL of the noise-free chip; total: rms error with noise, the other one beside it; "
            "missing-codes.",
        ),
    ] = "static",
    seed: options.Seed = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write tables, figures and report.html here: a new or empty folder."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the same command, interrupted or killed, in its folder of --out: finished chips are kept, "
            "and it ends at the same bits. --samples may have grown.",
        ),
    ] = False,
    budget: Annotated[
        bool, typer.Option("--budget", help="Error budget too: every source of error alone, and each left out.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Simulate many chips: how many stay within a spec?"""
    settings = set_ or []
    if design is None:
        point = options.make_point(
            function, expr, table, bits, device, calibration, range_, levels, input_dist, settings
        )
        point = options.read_data(point, data)
    else:
        point, settings = _point_of_file(context, design, settings)
    record, notes = _simulate(point, settings, spec, samples, measure, seed, out, resume, budget)
    for note in notes:
        typer.echo(f"rampjax: note: {note}", err=True)
    if as_json:
        print_json(record)
    else:
        _print_text(record, budget)
        say_written(out)


def _point_of_file(context: typer.Context, path: Path, settings: list[str]) -> tuple["Point", list[str]]:
    """The point of a design file with all its overrides; raises InputError where an option says what the file has."""
    from rampjax.config.design_point import point_from_design

    for name, spelled in _SETTLED.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(
                f"`{spelled}` must not stand beside --design, since the file has it; expected --set KEY=VALUE for "
                "figures that leave the layout alone."
            )
    point = point_from_design(path, settings)
    return point, list(point.overrides)


def _simulate(
    point: "Point",
    settings: list[str],
    spec: float | None,
    samples: int,
    measure: str,
    seed: int,
    out: Path | None,
    resume: bool,
    budget: bool,
) -> tuple[dict[str, Any], list[str]]:
    """What a yield finds, and notes on its calibration and its reads where there are any."""
    from rampjax.study.budget import count_cases, run_budget
    from rampjax.study.progress import show_progress
    from rampjax.study.single import run_yield, yield_notes

    with show_progress(samples * (1 + (count_cases(point) if budget else 0))) as advance:
        record = run_yield(
            point,
            settings,
            spec_lsb=spec,
            samples=samples,
            seed=seed,
            measure=measure,
            out=out,
            resume=resume,
            budget=budget,
            progress=advance,
        )
        if budget:
            record |= run_budget(
                point,
                spec_lsb=record["spec"],
                samples=samples,
                seed=seed,
                yield_of=record["measure"],
                out=out,
                progress=advance,
            )
    return record, yield_notes(point, seed)


def _print_text(record: dict[str, Any], budget: bool) -> None:
    from rampjax.report.text import yield_text

    typer.echo(yield_text(record))
    if budget:
        from rampjax.report.budget import budget_text

        typer.echo(f"\n{budget_text(record)}")
