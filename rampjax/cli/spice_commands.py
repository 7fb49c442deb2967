"""The commands `rampjax spice export` and `rampjax spice check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rampjax.checks import InputError
from rampjax.cli import options
from rampjax.cli.printing import print_json, say_written

if TYPE_CHECKING:
    from rampjax.study.spice import Case, Tolerances

SPICE_NOTE = "\n".join(
    [
        "\b",
        "Example:",
        "  rampjax design sigmoid --bits 5 --set ramp.opamp_gain=1000 --set ramp.q_inj_fC=0.05 --out out/amp",
        "  rampjax spice export out/amp/design.json --sample 17 -o ramp.cir && ngspice -b ramp.cir",
        "  rampjax spice check out/amp/design.json --samples 8 --each",
        "",
        "ngspice must be installed for `check` (Debian, Ubuntu: apt install ngspice).",
    ]
)
CHECK_NOTE = "\n".join(
    [
        "\b",
        "Compared on each chip, all by the very same draws:",
        "  levels      every level of the ramp as the columns see it, in local LSB: the smaller step beside it",
        "  decisions   when the comparator of each input flips, in clocks",
        "  codes       of inputs further than 0.1 local LSB from every threshold",
        "A netlist is of one conversion without temporal noise. Exit status 1 where a tolerance is exceeded.",
    ]
)
_DesignArgument = Annotated[
    Path, typer.Argument(metavar="DESIGN", help="A design file, as `design --out` and `solve --out` write it.")
]


def spice_export(
    design: _DesignArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="New file for the netlist.")],
    sample: Annotated[
        int,
        typer.Option("--sample", parser=options.whole, metavar="N", help="Number of the chip, from 0, as in `yield`."),
    ] = 0,
    seed: options.Seed = 1,
    x: Annotated[
        list[float] | None,
        typer.Option(
            "--x",
            parser=options.real,
            metavar="X",
            help="Input to convert, in a column of its own; may be repeated. Default: one in the middle.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write one sampled chip as a netlist that runs by itself under `ngspice -b`."""
    from rampjax.study.spice import run_spice_export

    record = run_spice_export(design, out, sample=sample, seed=seed, inputs=x or ())
    if as_json:
        print_json(record)
        return
    typer.echo(
        f"{record['bits']}-bit {record['function']}, sample {sample} of seed {seed}: {record['n_rows']} rows, "
        f"{record['n_levels']} levels, {record['end_ns']:.4g} ns"
    )
    say_written(out)


def spice_check(
    design: _DesignArgument,
    samples: Annotated[
        int | None, typer.Option("--samples", parser=options.whole, metavar="N", help="Number of chips. Default: 8")
    ] = None,
    seed: options.Seed = 1,
    inputs: Annotated[
        int | None,
        typer.Option("--inputs", parser=options.whole, metavar="N", help="Inputs that each chip converts. Default: 32"),
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="Beside all together: the ideal chip, and every source of error alone.")
    ] = False,
    netlist: Annotated[
        Path | None,
        typer.Option(
            "--netlist",
            metavar="FILE",
            help="Check this netlist, as `spice export` wrote it and you may have edited it, against its chip.",
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", parser=options.whole, metavar="N", help="With --netlist: the chip that it is of. Default: 0"
        ),
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", parser=options.real, metavar="LSB", help="Of a level, in local LSB.")
    ] = 0.01,
    time_tolerance: Annotated[
        float, typer.Option("--time-tolerance", parser=options.real, metavar="CLK", help="Of a decision, in clocks.")
    ] = 0.05,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write levels.csv and decisions.csv here: a new folder.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Compare the model with ngspice, chip by chip: ramp levels, decision times, codes."""
    from rampjax.study.spice import Tolerances, write_check

    _check_options(netlist, samples, inputs, sample, each, tolerance, time_tolerance)
    if out is not None and out.exists():
        raise InputError(f"--out: `{out}` must be a new folder, but is there already.")
    tolerances = Tolerances(level_lsb=tolerance, time_clocks=time_tolerance)
    record, cases = _compare(design, samples, seed, inputs, each, netlist, sample, tolerances)
    if out is not None:
        write_check(out, cases)
    if as_json:
        print_json(record)
    else:
        from rampjax.report.spice_text import check_text

        typer.echo(check_text(record))
        say_written(out)
    if not record["passed"]:
        raise typer.Exit(1)


def _check_options(
    netlist: Path | None,
    samples: int | None,
    inputs: int | None,
    sample: int | None,
    each: bool,
    tolerance: float,
    time_tolerance: float,
) -> None:
    for name, value in (("tolerance", tolerance), ("time-tolerance", time_tolerance)):
        if not 0 < value < float("inf"):
            raise InputError(f"`--{name}` must be positive and finite, but is {value:g}.")
    if netlist is None and sample is not None:
        raise InputError("--sample has no effect without --netlist, expected --samples N.")
    beside = [name for name, given in (("--samples", samples), ("--inputs", inputs)) if given is not None]
    beside += ["--each"] * each
    if netlist is not None and beside:
        raise InputError(f"{beside[0]} has no effect beside --netlist, which is of one chip and has its own inputs.")


def _compare(
    design: Path,
    samples: int | None,
    seed: int,
    inputs: int | None,
    each: bool,
    netlist: Path | None,
    sample: int | None,
    tolerances: "Tolerances",
) -> tuple[dict[str, Any], list["Case"]]:
    from rampjax.config.design_file import read_design
    from rampjax.study.progress import show_progress
    from rampjax.study.spice import check_cases, run_netlist_check, run_spice_check

    if netlist is not None:
        return run_netlist_check(design, netlist, sample=sample or 0, seed=seed, tolerances=tolerances)
    samples = 8 if samples is None else samples
    with show_progress(samples * len(check_cases(read_design(design), each))) as advance:
        return run_spice_check(
            design,
            samples=samples,
            seed=seed,
            inputs=32 if inputs is None else inputs,
            each=each,
            tolerances=tolerances,
            progress=advance,
        )
