"""Options of the commands that read a measured table, and how they say what was read."""

from typing import Annotated, Any

import typer

READING_NOTE = "\n".join(
    [
        "\b",
        "How the table is written: commas, semicolons, tabs or bars between cells, decimal points or commas, plain or",
        "compressed by gzip, are recognised, and said before anything else, with what was read as what; whatever could",
        "be read in two ways is refused. Options decide it: --sep, --decimal; --columns names the columns as a header",
        "would, in place of the file's, or with --no-header where it has none; _ leaves a column out, _... all further",
        "ones. Conductances may be given as resistances, in Ohm, kOhm, MOhm or GOhm. For example:",
        "  --sep semicolon --decimal comma",
        "  --no-header --columns device,time_s,_,measured_S,_,level,_",
    ]
)

Units = Annotated[
    list[str] | None,
    typer.Option("--units", metavar="NAME=UNIT", help="Unit of a column without one; may be repeated."),
]
Sep = Annotated[
    str | None,
    typer.Option(
        "--sep",
        metavar="C",
        help="Between cells: comma, tab, semicolon, bar, space (one or more) or the character itself. Default: "
        "recognised.",
    ),
]
Decimal = Annotated[
    str | None, typer.Option("--decimal", metavar="D", help="Decimal mark: point or comma. Default: recognised.")
]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The table has no header; --columns names its columns.")]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B,...",
        help="Names of all columns, in place of the header's, with units as a header has them; _ leaves one out.",
    ),
]


def say_read(record: dict[str, Any], as_json: bool) -> None:
    """Says what was read as what: before the result, or on stderr where stdout is JSON."""
    for sentence in record["read_as"]:
        typer.echo(f"rampjax: read {sentence}" if as_json else f"read {sentence}", err=as_json)
    if not as_json:
        typer.echo()
