"""The command `rampjax design`."""

from pathlib import Path
from typing import Annotated

import typer

from rampjax.cli import options
from rampjax.cli.printing import print_json, say_written


def design(
    function: options.FunctionArgument = None,
    expr: options.Expression = None,
    table: options.Table = None,
    bits: options.Bits = 5,
    device: options.DeviceOption = "taox_paper",
    calibration: options.Calibration = "none",
    range_: options.Range = None,
    levels: options.Levels = "midrise",
    input_dist: options.InputDist = "output",
    set_: options.Set = None,
    data: options.Data = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", parser=options.whole, metavar="S", help="Seed of the chips drawn in the figures of --out."
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write design.json and figures here: a new or empty folder."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Design a ramp column in closed form.

    `rampjax solve` finds better ones; `rampjax yield --design DIR/design.json` simulates one that is written.
    """
    from rampjax.study.single import run_design

    settings = set_ or []
    point = options.make_point(function, expr, table, bits, device, calibration, range_, levels, input_dist, settings)
    point = options.read_data(point, data)
    record = run_design(point, settings, seed=seed, out=out)
    if as_json:
        print_json(record)
    else:
        from rampjax.report.text import design_text

        typer.echo(design_text(record))
        say_written(out)
