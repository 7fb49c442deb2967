"""The command `rampjax device fit`."""

from pathlib import Path
from typing import Annotated

import typer

from rampjax.cli import options
from rampjax.cli.printing import print_json
from rampjax.cli.reading_options import READING_NOTE, Columns, Decimal, NoHeader, Sep, Units, say_read

DEVICE_NOTE = "`rampjax devices` lists the presets, `rampjax devices FILE.toml` the figures of a device file."
FIT_NOTE = "\n".join(
    [
        "\b",
        "Columns of MEASURED.csv; a unit stands in the header (target_uS, `target (mS)`) or in --units target=uS:",
        "  target     conductance that was aimed at                          S, mS, uS or nS; Ohm, kOhm, MOhm or GOhm",
        "  measured   conductance that was read (or: conductance, g, resistance, r)             as target",
        "  device     which device, any text (optional); or row and column of an array, which together name it",
        "  cycle      which programming event of the device, a number (optional)",
        "  time       since programming (optional)                           h, min, s, ms, us or ns",
        "  v_read     read voltage, one in all rows (optional)               V or mV",
        "In place of target, target_low and target_high: a window, whose middle is the target; or level: any text, the",
        "state that was aimed at, whose target is then the median of the youngest reads of that level.",
        "",
        READING_NOTE,
        "",
        "\b",
        "What is fitted: mean and spread of the programming error against the conductance, by cross-validation among",
        "constants, polynomials, a power law, monotone and free lines between points, whole targets left out where",
        "they are few; failed writes as a share of their own; stuck cells and their rates (a device that once read its",
        "target is none); read noise, from rows of the same device, cycle and target (without them it stays a part of",
        "the programming error); relaxation in ln t from the youngest age on, its mean and spread by the conductance,",
        "or age by age where no such law meets the data. What the fit misses is measured and said (lack of fit).",
        "Outliers beyond 4.5 standard deviations are set apart, and said. Every figure of the file has its interval.",
        "",
        "\b",
        "Example:",
        "  rampjax device fit measured.csv --v-read 0.2 --out mychip.toml --figure mychip.png",
        "  rampjax device fit reads.tsv.gz --no-header --columns device,time_s,r_kOhm,level --v-read 0.2 --json",
        "  rampjax yield sigmoid --device mychip.toml",
    ]
)


def device_fit(
    measured: Annotated[
        str, typer.Argument(metavar="MEASURED.csv", help="A table of measured conductances, see below.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.toml", help="Write the device file here: a new file.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="TITLE", help="Title in the device file.")] = None,
    units: Units = None,
    sep: Sep = None,
    decimal: Decimal = None,
    no_header: NoHeader = False,
    columns: Columns = None,
    v_read: Annotated[
        float | None, options.number("--v-read", "V", "Read voltage in V, where the table has no column v_read.")
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--form",
            metavar="F",
            help="How mean and spread depend on the conductance: auto, constant, affine, polynomial; the spread also "
            "power-law, monotone or points (lines between them).",
        ),
    ] = "auto",
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            metavar="S",
            help="parametric: normal errors; empirical: distributed as measured, by conductance where shapes differ. "
            "Failed writes are drawn by both.",
        ),
    ] = "parametric",
    g_min: Annotated[
        float | None,
        options.number("--g-min", "G", "Smallest target in µS, not below the measured. Default: the measured"),
    ] = None,
    g_max: Annotated[
        float | None,
        options.number("--g-max", "G", "Largest target in µS, not above the measured. Default: the measured"),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE.png", help="Draw errors, fit and a Q-Q plot here: a new file."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", parser=options.whole, metavar="S", help="Seed of the bootstrap.")] = 1,
    as_json: options.Json = False,
) -> None:
    """Fit a device file to measured conductances.

    The file is taken by --device of every command. Nothing is guessed: neither a unit, nor a voltage, nor a figure
    that the table cannot tell, which the file calls assumed.
    """
    from rampjax.interop.measured.reader import parse_reading
    from rampjax.study.device_fitting import run_device_fit

    record = run_device_fit(
        measured,
        units or [],
        form=form,
        sampler=sampler,
        v_read_V=v_read,
        g_min_uS=g_min,
        g_max_uS=g_max,
        name=name,
        out=out,
        figure=figure,
        seed=seed,
        reading=parse_reading(sep, decimal, no_header, columns),
        told=lambda said: typer.echo(f"rampjax: {said}", err=True),
    )
    say_read(record, as_json)
    for note in record["notes"]:
        typer.echo(f"rampjax: {note}", err=True)
    if as_json:
        print_json(record)
        return
    from rampjax.report.device_fit_text import device_fit_text

    typer.echo(device_fit_text(record))
    written = [str(path) for path in (out, figure) if path is not None]
    if written:
        typer.echo(f"\nwritten: {', '.join(written)}")
