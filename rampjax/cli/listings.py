"""Commands that say what there is, and how fast it is."""

from typing import Annotated

import typer

from rampjax.checks import InputError
from rampjax.cli.options import Json, real, whole
from rampjax.cli.printing import print_json


def bench(
    bits: Annotated[
        int | None,
        typer.Option(
            "--bits",
            parser=whole,
            metavar="N",
            help="Bits of the column, 2 to 10; default 5, with --solver 8 (3 to 10), with --spice 5 and 8.",
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds",
            parser=real,
            metavar="S",
            help="How long the timed rounds last, or each rival of the solver, or ngspice and the engine together; "
            "compiling comes on top.",
        ),
    ] = 60.0,
    solver: Annotated[
        bool, typer.Option("--solver", help="Time the inverse solver instead, against scipy's L-BFGS-B; some minutes.")
    ] = False,
    designs: Annotated[
        int | None,
        typer.Option("--designs", parser=whole, metavar="N", help="With --solver: designs of the batch; default 1000."),
    ] = None,
    spice: Annotated[
        bool, typer.Option("--spice", help="Time the engine against ngspice on the same circuit instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Time the engine against floors and rivals, in one run.

    Chips per second (sigmoid, calibrations none and ramp_aware) and conversions per second, against NumPy on all cores
    and against the fastest way to draw the same normals. Rates hold for the machine as busy as it is; the ratios count.
    With --solver: one design and a batch, against scipy with finite differences and with our gradient.
    With --spice: chips per second in ngspice and here, and how far their levels are apart.
    """
    from rampjax.bench.text import bench_text, show_bench_progress, solver_bench_text, spice_bench_text

    if solver and spice:
        raise InputError("--spice has no effect with --solver, expected one of them.")
    if designs is not None and not solver:
        raise InputError("--designs has no effect without --solver.")
    text = bench_text
    if solver:
        from rampjax.bench.solver import Work, check_solver_bench, run_solver_bench

        work = Work(8 if bits is None else bits, 1000 if designs is None else designs, seconds)
        check_solver_bench(work)
        with show_bench_progress() as advance:
            record, text = run_solver_bench(work, advance), solver_bench_text
    elif spice:
        from rampjax.bench.spice import run_spice_bench

        with show_bench_progress() as advance:
            record, text = run_spice_bench(bits, seconds, advance), spice_bench_text
    else:
        from rampjax.bench.run import check_bench, run_bench

        bits = 5 if bits is None else bits
        check_bench(bits, seconds)
        with show_bench_progress() as advance:
            record = run_bench(bits, seconds, advance)
    if as_json:
        print_json(record)
    else:
        typer.echo(text(record))


def functions(as_json: Json = False) -> None:
    """List the functions known by name."""
    from rampjax.report.function_text import function_lines, function_record

    if as_json:
        print_json(function_record())
    else:
        typer.echo("\n".join(function_lines()))


def devices(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A preset or a device file.")] = None,
    as_json: Json = False,
) -> None:
    """List the device presets, or all fields of one.

    The list says how sure each main figure is; with NAME: every field with its unit, clock, certainty and source.
    """
    from rampjax.report.device_text import device_lines, device_record, preset_lines, preset_record

    if as_json:
        print_json(device_record(name) if name else preset_record())
    else:
        typer.echo("\n".join(device_lines(name) if name else preset_lines()))
