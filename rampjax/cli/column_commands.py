"""The commands `rampjax column`: a program for a tester out, what was measured on the bench in."""

from pathlib import Path
from typing import Annotated

import typer

from rampjax.cli import options
from rampjax.cli.printing import print_json, say_written
from rampjax.cli.reading_options import READING_NOTE, Columns, Decimal, NoHeader, Sep, Units, say_read

COLUMN_NOTE = "\n".join(
    [
        "\b",
        "Example: program a column, check it, measure the converter:",
        "  rampjax design sigmoid --bits 5 --calibration ramp_aware --out sigmoid",
        "  rampjax column program sigmoid/design.json -o program.csv",
        "  rampjax column check sigmoid/design.json measured.csv",
        "  rampjax column adc sigmoid/design.json histogram.csv --input ramp:-6:6",
    ]
)
CHECK_NOTE = "\n".join(
    [
        "\b",
        "Columns of the table:",
        "  row       place of the device in its column, from 1, as in the program",
        "  measured  conductance (or: g, resistance, r) with its unit: measured_uS, r (kOhm), or --units measured=uS",
        "  column    which of the redundant columns, from 1, where the design has several",
        "  read      number of the read, where devices were read several times: their mean counts",
        "The program itself with a column measured_uS added is such a table.",
        "",
        READING_NOTE,
        "",
        "\b",
        "What to program anew: a device moves all thresholds behind it, as far as its range allows. For a number of",
        "devices those are named that can bring the worst INL lowest, each aimed at the middle of what the stretch",
        "behind it then allows. The number is the least found with which the worst INL, with the error of every new",
        "programming event, is within the spec on average.",
        "",
        "\b",
        "Exit status: 0 within the spec, 1 above it (what was found is still printed and written), 2 refused.",
    ]
)
ADC_NOTE = "\n".join(
    [
        "\b",
        "Columns of the table, one of",
        "  x, code      a transfer curve: one line per conversion; inputs may be repeated",
        "  v_mV, code   the same with the voltage at the comparator (or: vin, v_in, v_mac), in its unit",
        "  vin_V, code, code, ...   the same with all conversions of an input in a line: name each `code`, or the last",
        "               `code...` for any number of them, as in --no-header --columns vin_V,code...",
        "  code, count  a histogram: how often each code came up; needs --input, and a function that does not turn",
        "",
        READING_NOTE,
        "",
        "\b",
        "A threshold is where half of the conversions pass it. INL is relative to the target; no best fit is removed.",
        "Standard errors: of a histogram those of independent inputs; of a transfer curve those of a probit fit where",
        "noise mixes the codes, else of the distance between neighbouring inputs. For the comparison with simulated",
        "chips such errors are drawn for each of them too, of the first 1000; percentiles beside it are without them.",
    ]
)

DesignFile = Annotated[Path, typer.Argument(metavar="DESIGN", help="A design file, as `design` and `solve` write it.")]
MeasuredFile = Annotated[Path, typer.Argument(metavar="MEASURED", help="A table, see below.")]


def column_program(
    design: DesignFile,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write program.csv and program.json here: a new or empty folder."),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("-o", metavar="FILE", help="Write one new file, .csv or .json; may be repeated."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the program of a column for a tester, from any design file: one line per device, in order."""
    from rampjax.study.bench_data import read_program, write_program

    # With --json alone the program goes to stdout, and nothing is written.
    written = write_program(design, out, file or []) if out or file or not as_json else []
    if as_json:
        print_json(read_program(design))
    else:
        typer.echo("\n".join(f"written: {path}" for path in written))


def column_check(
    design: DesignFile,
    measured: MeasuredFile,
    spec: Annotated[
        float,
        typer.Option(
            "--spec", parser=options.real, metavar="S", help="The worst INL that is good, in LSB; above it: exit 1."
        ),
    ] = 0.5,
    stuck: Annotated[
        list[int] | None,
        typer.Option(
            "--stuck",
            parser=options.whole,
            metavar="ROW",
            help="A device of the selected column that cannot be programmed; may be repeated.",
        ),
    ] = None,
    units: Units = None,
    sep: Sep = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    columns: Columns = None,
    seed: options.Seed = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write check.json, tables and a figure here: a new or empty folder."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Check a programmed column by its measured conductances: its function, what to program anew, its start.

    Exit status 1 where the worst INL is above --spec.
    """
    from rampjax.interop.measured.reader import parse_reading, parse_units
    from rampjax.study.bench_data import run_check

    record = run_check(
        design,
        measured,
        units=parse_units(units or []),
        spec_lsb=spec,
        stuck=stuck or [],
        seed=seed,
        out=out,
        reading=parse_reading(sep, decimal, no_header, columns),
    )
    say_read(record, as_json)
    _say_notes(record["notes"])
    if as_json:
        print_json(record)
    else:
        from rampjax.report.bench_text import check_text

        typer.echo(check_text(record))
        say_written(out)
    if not record["within_spec"]:
        raise typer.Exit(1)


def column_adc(
    design: DesignFile,
    measured: MeasuredFile,
    signal: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="I",
            help="Inputs of a histogram, in x: ramp:LO:HI (all equally likely) or sine:AMPLITUDE:OFFSET.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", parser=options.whole, metavar="N", help="Simulated chips beside it; 0: none.")
    ] = 1000,
    units: Units = None,
    sep: Sep = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    columns: Columns = None,
    seed: options.Seed = 1,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write adc.json, tables and a figure here: a new or empty folder."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Measure a real converter's INL and DNL, from a transfer curve or a histogram of codes, beside the model's."""
    from rampjax.interop.measured.reader import parse_reading, parse_units
    from rampjax.study.bench_data import run_adc
    from rampjax.study.progress import show_progress

    named, reading = parse_units(units or []), parse_reading(sep, decimal, no_header, columns)
    with show_progress(samples) as advance:
        record = run_adc(
            design,
            measured,
            units=named,
            signal=signal,
            samples=samples,
            seed=seed,
            out=out,
            progress=advance,
            reading=reading,
        )
    say_read(record, as_json)
    _say_notes(record["notes"])
    if as_json:
        print_json(record)
    else:
        from rampjax.report.bench_text import adc_text

        typer.echo(adc_text(record))
        say_written(out)


def _say_notes(notes: list[str]) -> None:
    for note in notes:
        typer.echo(f"rampjax: note: {note}", err=True)
