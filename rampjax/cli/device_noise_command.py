"""The command `rampjax device noise`."""

from pathlib import Path
from typing import Annotated

import typer

from rampjax.cli import options
from rampjax.cli.printing import print_json
from rampjax.cli.reading_options import Columns, Decimal, NoHeader, Sep, say_read

NOISE_NOTE = "\n".join(
    [
        "\b",
        "SERIES.csv holds cells that were read again and again at one rate, nothing being written meanwhile:",
        "  a column for each cell, its unit in the header (a1_uS, `a1 (nA)`) or in --unit; a column time_s beside them",
        "  is optional, and takes the place of --rate;",
        "  or with --rows a row for each cell, after leading cells that --skip or --columns names (cell,_,g_S...).",
        "Conductances in S, mS, uS or nS; resistances in Ohm, kOhm, MOhm or GOhm; currents in A, mA, uA or nA, with",
        "--v-read. Tabs, semicolons, decimal commas and gzip are recognised and said, or chosen: --sep, --decimal.",
        "",
        "\b",
        "What is fitted, to the spectrum of each cell (Whittle's likelihood, with intervals of 95 %):",
        "  fast part  sigma_read_uS at t_read_ns: white from sample to sample. The floor may be the instrument's, and",
        "             says nothing about reads much shorter than a sample.",
        "  slow part  sigma_slow_uS: 1/f, a variance sigma_slow_uS^2 for each e-fold of time constants between",
        "             slow_t_lo_s (one sample) and slow_t_hi_s (the series).",
        "Where a cell is not that, because it drifts, jumps or wanders faster than a logarithm of time, it is said,",
        "with the slope of its spectrum, and its standard deviation within several durations beside the fit's. Of such",
        "a cell the spectrum gives a slow part that is right for short times, and too small over the whole series;",
        "--slow-by wander gives one that is right there, and too large for short times. A part that cannot be told",
        "from 0 is not claimed. A device has one figure for all cells: their median, or with --pool rms their root",
        "mean square; from 8 cells on a table over the conductance, where that matters. Cells differ by an order of",
        "magnitude: look at their range.",
        "In --json lists have a value per cell, null where it is not told (its _ci_high says how large it may be);",
        "sd_within_... has for each cell in turn a value per window_s, spectrum_... per f_Hz; device_... is of all.",
        "",
        "\b",
        "Examples:",
        "  rampjax device noise series.csv --rate 400 --unit uS --figure noise.png",
        "  rampjax device noise series.csv --rate 400 --unit nA --v-read 0.1 --device mychip.toml --out noisy.toml",
        "  rampjax device noise cells.tsv.gz --rate 400 --rows --skip 2 --unit S --json",
        "  rampjax yield sigmoid --device noisy.toml",
    ]
)


def device_noise(
    series: Annotated[
        str, typer.Argument(metavar="SERIES.csv", help="Time series of one or several cells, see below.")
    ],
    rate: Annotated[
        float | None,
        options.number("--rate", "HZ", "Samples per second, where there is no column time; else checked by it."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="U", help="Unit of the series, where headers do not say it.")
    ] = None,
    v_read: Annotated[
        float | None, options.number("--v-read", "V", "Read voltage in V, where the series are currents.")
    ] = None,
    t_read: Annotated[
        float | None,
        options.number("--t-read", "S", "Duration of one read in s, if shorter than the time from sample to sample."),
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="A row is a cell, not a column.")] = False,
    skip: Annotated[
        int,
        typer.Option(
            "--skip",
            parser=options.whole,
            metavar="N",
            help="With --rows: leading cells of each row that are no samples; the first names the cell.",
        ),
    ] = 0,
    sep: Sep = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    columns: Columns = None,
    pool: Annotated[
        str, typer.Option("--pool", metavar="P", help="The figure of several cells: median or rms.")
    ] = "median",
    slow_by: Annotated[
        str,
        typer.Option(
            "--slow-by",
            metavar="S",
            help="The slow part of a device: by spectrum, or by wander: so large that it is right over the series.",
        ),
    ] = "spectrum",
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="D", help="With --out: the preset or device file of which it is a copy."),
    ] = None,
    part: Annotated[
        str, typer.Option("--part", metavar="P", help="With --out: which part is written, both, fast or slow.")
    ] = "both",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.toml",
            help="Write a copy of --device with this noise here, or without --device its tables alone: a new file.",
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE.png", help="Draw spectra, fits and the wander here: a new file."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Fit the fast and the slow part of the read noise to time series of cells.

    Ready for a device file. Nothing is guessed: neither a unit, nor a rate, nor a part that the series cannot tell.
    """
    from rampjax.interop.device_noise.series import Layout
    from rampjax.interop.measured.options import parse_reading
    from rampjax.study.device_noise import run_device_noise

    record = run_device_noise(
        series,
        Layout(rate, unit, rows, skip, v_read),
        parse_reading(sep, decimal, no_header, columns),
        t_read_s=t_read,
        pool=pool,
        slow_by=slow_by,
        device=device,
        part=part,
        out=out,
        figure=figure,
    )
    say_read(record, as_json)
    for note in record["notes"]:
        typer.echo(f"rampjax: {note}", err=True)
    if as_json:
        print_json(record)
        return
    from rampjax.report.device_noise_text import device_noise_text

    typer.echo(device_noise_text(record))
    written = [str(path) for path in (out, figure) if path is not None]
    if written:
        typer.echo(f"\nwritten: {', '.join(written)}")
