"""The command line: parse, call one function, print. Rooms are loaded inside commands, so that help is quick."""

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

from rampjax.checks import InputError
from rampjax.config.keys import key_lines

if TYPE_CHECKING:
    from rampjax.config.points import Point

_KEYS = "\n".join(
    [
        "\b",
        "Keys of --set, KEY=VALUE: key, unit, clock on which it varies, meaning. What varies is zero unless the preset",
        "has it. No value is in percent. `rampjax devices NAME` shows a preset with the source of every figure.",
        "design: the options above, and",
        "  design.column_bits          -        setting          bits of the column, where it is run at fewer, --bits",
        *key_lines(),
    ]
)

# What typer raises for a wrong option; its home differs between versions of typer.
_UsageError = cast(type[Exception], typer.BadParameter.__base__)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Yield and design of nonlinear ramp ADCs for analog in-memory computing.",
    epilog="Start with: rampjax yield sigmoid --bits 5 --calibration ramp_aware",
)
study_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Run a study file, or list those of a folder."
)
app.add_typer(study_app, name="study")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"rampjax {version('rampjax')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Yield and design of nonlinear ramp ADCs for analog in-memory computing."""


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"must be an integer, but is {text}.") from None


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"must be a number, but is {text}.") from None


FunctionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="FUNCTION",
        help="A name (see `rampjax functions`) or an expression in x, such as 'x*tanh(x)'; "
        "one that starts with - by --expr=.",
    ),
]
Expression = Annotated[str | None, typer.Option("--expr", metavar="E", help="The function as an expression in x.")]
Table = Annotated[
    str | None, typer.Option("--table", metavar="FILE", help="The function as a CSV table with columns x, y.")
]
Bits = Annotated[int, typer.Option("--bits", parser=_whole, metavar="N", help="Bits of the output code, 2 to 16.")]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="D", help="A preset (see `rampjax devices`), or a device file, .toml.")
]
Calibration = Annotated[
    str,
    typer.Option(
        "--calibration",
        metavar="C",
        help="none, or any of one_point | one_point_bias | two_point, ramp_aware, redundant:N, joined by + in any "
        "order.",
    ),
]
Range = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LO:HI",
        help="Range of x. Write --range=-4:4: with a negative end the = is needed. Default: the function's own range.",
    ),
]
Levels = Annotated[str, typer.Option("--levels", metavar="L", help="Output levels: midrise, endpoint or zero.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one figure; may be repeated."),
]
Seed = Annotated[int, typer.Option("--seed", parser=_whole, metavar="S", help="Seed of every random number.")]
Json = Annotated[bool, typer.Option("--json", help="Print one strict JSON object and nothing else on stdout.")]


def _point(
    function: str | None,
    expression: str | None,
    table: str | None,
    bits: int,
    device: str,
    calibration: str,
    x_range: str | None,
    levels: str,
    settings: list[str] | None,
) -> "Point":
    from rampjax.config.points import point_from_options

    given = [text for text in (function, expression, table) if text is not None]
    if len(given) != 1:
        raise InputError(f"Exactly one of FUNCTION, --expr and --table must be given, but {len(given)} are.")
    return point_from_options(
        given[0], bits, levels, x_range, calibration, device, settings or [], is_table=table is not None
    )


@app.command(epilog=_KEYS)
def design(
    function: FunctionArgument = None,
    expr: Expression = None,
    table: Table = None,
    bits: Bits = 5,
    device: DeviceOption = "taox_paper",
    calibration: Calibration = "none",
    range_: Range = None,
    levels: Levels = "midrise",
    set_: Set = None,
    seed: Annotated[
        int, typer.Option("--seed", parser=_whole, metavar="S", help="Seed of the chips drawn in the figures of --out.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write design.json and figures here: a new or empty folder."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Design a ramp column: the conductance of every step."""
    from rampjax.study.single import run_design

    point = _point(function, expr, table, bits, device, calibration, range_, levels, set_)
    record = run_design(point, set_ or [], seed=seed, out=out)
    if as_json:
        _print_json(record)
    else:
        from rampjax.report.text import design_text

        typer.echo(design_text(record))
        _say_written(out)


@app.command(name="yield", epilog=_KEYS)
def yield_(
    function: FunctionArgument = None,
    expr: Expression = None,
    table: Table = None,
    bits: Bits = 5,
    device: DeviceOption = "taox_paper",
    calibration: Calibration = "none",
    range_: Range = None,
    levels: Levels = "midrise",
    set_: Set = None,
    spec: Annotated[
        float,
        typer.Option(
            "--spec", parser=_real, metavar="S", help="A chip is good up to this error, in output steps (LSB)."
        ),
    ] = 0.5,
    samples: Annotated[int, typer.Option("--samples", parser=_whole, metavar="N", help="Number of chips.")] = 20_000,
    measure: Annotated[
        str,
        typer.Option(
            "--measure", metavar="M", help="static: worst INL of the noise-free chip; total: rms error with read noise."
        ),
    ] = "static",
    seed: Seed = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write tables, figures and report.html here: a new or empty folder."),
    ] = None,
    budget: Annotated[
        bool, typer.Option("--budget", help="Error budget too: every source of error alone, and each left out.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Simulate many chips: how many stay within a spec?"""
    from rampjax.study.budget import count_cases, run_budget
    from rampjax.study.progress import show_progress
    from rampjax.study.single import composition_note, run_yield

    point = _point(function, expr, table, bits, device, calibration, range_, levels, set_)
    with show_progress(samples * (1 + (count_cases(point) if budget else 0))) as advance:
        record = run_yield(
            point, set_ or [], spec_lsb=spec, samples=samples, seed=seed, measure=measure, out=out, progress=advance
        )
        if budget:
            record |= run_budget(
                point, spec_lsb=spec, samples=samples, seed=seed, yield_of=record["measure"], out=out, progress=advance
            )
    note = composition_note(point, seed)
    if note:
        typer.echo(f"rampjax: note: {note}", err=True)
    if as_json:
        _print_json(record)
    else:
        from rampjax.report.meta import measure_label
        from rampjax.report.text import yield_text

        typer.echo(yield_text(record, measure_label(record["measure"])))
        if budget:
            from rampjax.report.budget import budget_text

            typer.echo(f"\n{budget_text(record)}")
        _say_written(out)


@study_app.command(
    name="run",
    epilog="--set takes the keys that `rampjax yield --help` lists, and design.KEY and measure.KEY of the study file.",
)
def study_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study file, such as studies/yield_vs_error.toml.")],
    samples: Annotated[
        int | None,
        typer.Option("--samples", parser=_whole, metavar="N", help="Chips per point, instead of the file's."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", parser=_whole, metavar="S", help="Seed, instead of the file's.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the results, new or empty; default results/NAME."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run in its folder; --samples may have grown.")
    ] = False,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Run a study: tables, figures and one page."""
    from rampjax.config.study_file import load_study
    from rampjax.study.progress import show_progress
    from rampjax.study.runner import plan_study, run_plan

    options = [f"{key}={value}" for key, value in (("samples", samples), ("seed", seed)) if value is not None]
    study = load_study(file, [*options, *(set_ or [])])
    folder = out or Path("results") / study.name
    plan = plan_study(study)
    with show_progress(plan.samples * len(plan.points)) as advance:
        outcome = run_plan(plan, folder, resume=resume, progress=advance)
    if as_json:
        _print_json({"page": str(outcome.page), "points": len(plan.points), "samples": plan.samples, "seed": plan.seed})
    else:
        typer.echo(f"{outcome.answer}\n\n{len(plan.points)} points, {plan.samples} chips each; report: {outcome.page}")


@study_app.command(name="list")
def study_list(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of study files.")] = Path("studies"),
    as_json: Json = False,
) -> None:
    """List the studies of a folder with what they ask."""
    from rampjax.study.listing import list_studies, study_lines

    studies = list_studies(folder)
    if as_json:
        _print_json({key: [study[key] for study in studies] for key in ("file", "title", "points", "samples")})
    else:
        typer.echo("\n".join(study_lines(studies)))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a study wrote.")],
    as_json: Json = False,
) -> None:
    """Draw figures and page of a study again, from its tables."""
    from rampjax.report.page import render_report

    page = render_report(folder)
    if as_json:
        _print_json({"page": str(page)})
    else:
        typer.echo(f"report: {page}")


@app.command()
def bench(
    bits: Annotated[int, typer.Option("--bits", parser=_whole, metavar="N", help="Bits of the column, 2 to 10.")] = 5,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds", parser=_real, metavar="S", help="How long the timed rounds last; compiling comes on top."
        ),
    ] = 60.0,
    as_json: Json = False,
) -> None:
    """Time the engine against floors and rivals, in one run.

    Chips per second (sigmoid, calibrations none and ramp_aware) and conversions per second, against NumPy on all cores
    and against the fastest way to draw the same normals. Rates hold for the machine as busy as it is; the ratios count.
    """
    from rampjax.bench.run import check_bench, run_bench
    from rampjax.bench.text import bench_text, show_bench_progress

    check_bench(bits, seconds)
    with show_bench_progress() as advance:
        record = run_bench(bits, seconds, advance)
    if as_json:
        _print_json(record)
    else:
        typer.echo(bench_text(record))


@app.command()
def functions(as_json: Json = False) -> None:
    """List the functions known by name."""
    from rampjax.report.function_text import function_lines, function_record

    if as_json:
        _print_json(function_record())
    else:
        typer.echo("\n".join(function_lines()))


@app.command()
def devices(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A preset or a device file.")] = None,
    as_json: Json = False,
) -> None:
    """List the device presets, or all fields of one.

    The list says how sure each main figure is; with NAME: every field with its unit, clock, certainty and source.
    """
    from rampjax.report.device_text import device_lines, device_record, preset_lines, preset_record

    if as_json:
        _print_json(device_record(name) if name else preset_record())
    else:
        typer.echo("\n".join(device_lines(name) if name else preset_lines()))


def _print_json(record: dict[str, Any]) -> None:
    typer.echo(json.dumps(record, allow_nan=False))


def _say_written(out: Path | None) -> None:
    if out is not None:
        typer.echo(f"\nwritten: {out}")


def _refuse(sentence: str) -> NoReturn:
    typer.echo(f"rampjax: {sentence}", err=True)
    sys.exit(2)


def main() -> None:
    """Runs the command line; a bad input is one sentence on stderr and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # where a console has no µ, the rest is still to be read
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        _refuse(str(error))
    except _UsageError as error:
        usage: Any = error
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(usage.format_message(), err=True)
            sys.exit(2)
        message = usage.format_message()
        stop = "" if message[-1:] in ".?!" else "."
        _refuse(f"{message}{stop} See `{usage.ctx.command_path if usage.ctx else 'rampjax'} --help`.")
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    if status == 130:
        typer.echo("rampjax: interrupted; a study continues with --resume.", err=True)
    sys.exit(status or 0)
