"""Options that several commands share, and the point that they make together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rampjax.checks import InputError, to_real, to_whole
from rampjax.config.keys import key_lines

if TYPE_CHECKING:
    from rampjax.config.points import Point

KEYS = "\n".join(
    [
        "\b",
        "Keys of --set, KEY=VALUE: key, unit, clock on which it varies, meaning. What varies is zero unless the preset",
        "has it. No value is in percent. `rampjax devices NAME` shows a preset with the source of every figure.",
        "design: the options above, and",
        "  design.column_bits          -        setting          bits of the column, where it is run at fewer, --bits",
        *key_lines(),
    ]
)


def whole(text: str) -> int:
    """Parses an option that is an integer."""
    try:
        return to_whole(str(text))  # a default is parsed too
    except ValueError:
        raise typer.BadParameter(f"must be an integer, but is {text}.") from None


def real(text: str) -> float:
    """Parses an option that is a number."""
    try:
        return to_real(str(text))
    except ValueError:
        raise typer.BadParameter(f"must be a number, but is {text}.") from None


def number(name: str, metavar: str, help: str) -> typer.models.OptionInfo:
    """An option that is a number."""
    option: typer.models.OptionInfo = typer.Option(name, parser=real, metavar=metavar, help=help)
    return option


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
Bits = Annotated[int, typer.Option("--bits", parser=whole, metavar="N", help="Bits of the output code, 2 to 16.")]
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
Levels = Annotated[
    str,
    typer.Option(
        "--levels",
        metavar="L",
        help="Output levels: midrise, endpoint or zero, evenly spaced; optimal (Lloyd-Max) or bs_kmq, placed for the "
        "inputs of --input-dist.",
    ),
]
InputDist = Annotated[
    str,
    typer.Option(
        "--input-dist",
        metavar="D",
        help="How often each x occurs, for rms errors and placed levels: output (every output equally often), uniform, "
        "uniform:LO:HI, normal:MEAN:STD, or a file of recorded x, .csv, .txt or .npy.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one figure; may be repeated."),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the data file of a device of measured cells, such as levy_techc_cells, where it is not "
        "beside the device file; default: that of the environment variable RAMPJAX_DATA.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", parser=whole, metavar="S", help="Seed of every random number.")]
Json = Annotated[bool, typer.Option("--json", help="Print one strict JSON object and nothing else on stdout.")]


def make_point(
    function: str | None,
    expression: str | None,
    table: str | None,
    bits: int,
    device: str,
    calibration: str,
    x_range: str | None,
    levels: str,
    inputs: str,
    settings: list[str],
) -> "Point":
    """Returns the point that the shared options describe, checked."""
    from rampjax.config.points import point_from_options

    given = [text for text in (function, expression, table) if text is not None]
    if len(given) != 1:
        raise InputError(f"Exactly one of FUNCTION, --expr and --table must be given, but {len(given)} are.")
    return point_from_options(
        given[0],
        bits,
        levels,
        x_range,
        calibration,
        device,
        settings,
        is_table=table is not None,
        inputs=inputs,
    )


def read_data(point: "Point", data: Path | None) -> "Point":
    """Returns the point with the measured cells that its device may have, read from the folder of --data."""
    from rampjax.study.cells import with_cells

    return with_cells([point], data)[0]
