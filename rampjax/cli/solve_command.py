"""The command `rampjax solve`."""

from pathlib import Path
from typing import Annotated

import typer

from rampjax.checks import InputError
from rampjax.cli import options
from rampjax.cli.printing import print_json, say_written

SOLVE_NOTE = "\n".join(
    [
        "\b",
        "Example, short pulses on large conductances, programmed ramp-aware:",
        "  rampjax solve 'x*tanh(softplus(x))' --bits 6 --out mish",
        "  rampjax yield --design mish/design.json --spec 0.25",
        "",
        "\b",
        "What --free may name. Conductances are always free; what is not named stays as the closed form has it.",
        "  pulse_width  read pulse of each step: a multiple of a clock / --pulse-grid, up to --max-clocks clocks",
        "  scale        volts per unit of x, and the capacitor",
        "  levels       the scheme of the output levels: those of --levels, or the others, whichever errs least",
        "  devices      devices of each step, in parallel; at most --max-devices in all",
        "  start        bias devices that make the start of the ramp, their number and pulse",
        "  redundant    redundant columns, of which the best is used",
        "",
        "\b",
        "What --objective minimises, over chips with all the variation that is on:",
        "  max_inl      mean worst INL, the static error of the noise-free chip (with --noise-weight: and its noise)",
        "  quantile     a high --quantile of the worst INL: the bad chips count, not the average one",
        "  rmse         mean static rms error, over the inputs of --input-dist",
        "  total        the same with the temporal noise in it",
        "  yield        the share of chips whose worst INL is above --spec",
    ]
)


def _count(name: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, parser=options.whole, metavar="N", help=help)
    return option


def solve(
    function: options.FunctionArgument = None,
    expr: options.Expression = None,
    table: options.Table = None,
    bits: options.Bits = 5,
    device: options.DeviceOption = "taox_paper",
    calibration: options.Calibration = "ramp_aware",
    range_: options.Range = None,
    levels: options.Levels = "midrise",
    input_dist: options.InputDist = "output",
    free: Annotated[
        str | None,
        typer.Option(
            "--free",
            metavar="LIST",
            help="What may differ from the closed form, joined by commas, see below; none: only the conductances. "
            "Default: pulse_width,scale",
        ),
    ] = None,
    pulse_grid: Annotated[
        int | None,
        _count("--pulse-grid", "Pulses are multiples of a clock / N. Default: 16, or 1 where pulse_width is frozen."),
    ] = None,
    max_clocks: Annotated[int | None, _count("--max-clocks", "Longest pulse of a step, in clocks. Default: 1")] = None,
    objective: Annotated[
        str | None,
        typer.Option("--objective", metavar="O", help="What to minimise, see below. Default: max_inl"),
    ] = None,
    spec: Annotated[
        float | None, options.number("--spec", "S", "A chip is good up to this worst INL, in LSB. Default: 0.5")
    ] = None,
    quantile: Annotated[
        float | None,
        options.number("--quantile", "Q", "Which quantile the objective quantile minimises. Default: 0.95"),
    ] = None,
    noise_weight: Annotated[
        float | None,
        options.number("--noise-weight", "W", "Add W times the rms noise to max_inl or quantile. Default: 0"),
    ] = None,
    max_devices: Annotated[
        int | None,
        _count(
            "--max-devices",
            "Most devices of all steps, the start and redundant columns. Default: as many as the closed form; twice as "
            "many where devices or redundant columns are free.",
        ),
    ] = None,
    max_time: Annotated[
        float | None, options.number("--max-time", "NS", "Longest time of the whole ramp. Default: any")
    ] = None,
    starts: Annotated[
        int | None, _count("--starts", "Layouts from which the search starts, the closed form among them. Default: 8")
    ] = None,
    iterations: Annotated[int | None, _count("--iterations", "Steps of the descent from each. Default: 300")] = None,
    chips: Annotated[int | None, _count("--chips", "Chips that each of these steps sees. Default: 64")] = None,
    fresh_chips: Annotated[
        int | None, _count("--fresh-chips", "Chips, seen by no step, that score the answer. Default: 4096")
    ] = None,
    set_: options.Set = None,
    seed: options.Seed = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Write design.json, program.csv and program.json (what a tester loads), comparison.csv and figures "
            "here: a new or empty folder.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Solve for the column that survives variation best.

    It is compared with the closed form, and keeps every limit: conductances, pulses, voltage window, devices, time. It
    is scored on fresh chips that the search never saw, and is the closed form itself where nothing better is found.
    """
    from rampjax.config.solve_options import SolveOptions, as_typed, solve_settings
    from rampjax.study.progress import show_progress
    from rampjax.study.solving import count_steps, run_solve

    typed = SolveOptions(
        free=free,
        pulse_grid=pulse_grid,
        max_clocks=max_clocks,
        objective=objective,
        spec_lsb=spec,
        quantile=quantile,
        noise_weight=noise_weight,
        max_devices=max_devices,
        max_time_ns=max_time,
        starts=starts,
        iterations=iterations,
        chips=chips,
        fresh_chips=fresh_chips,
    )
    settings, overrides = solve_settings(typed, set_ or [])
    chosen = (function, expr, table, bits, device, calibration, range_, levels, input_dist, overrides)
    try:
        point = options.make_point(*chosen)
        with show_progress(count_steps(settings), "steps") as advance:
            record = run_solve(point, set_ or [], settings, seed=seed, out=out, progress=advance)
    except InputError as error:
        raise as_typed(error) from None
    if as_json:
        print_json(record)
    else:
        from rampjax.report.solve_text import solve_text

        typer.echo(solve_text(record))
        say_written(out)
