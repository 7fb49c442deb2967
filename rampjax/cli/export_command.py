"""The command `rampjax export`."""

from pathlib import Path
from typing import Annotated

import typer

from rampjax.checks import told_apart
from rampjax.cli import options
from rampjax.cli.printing import print_json, say_written

EXPORT_NOTE = "\n".join(
    [
        "\b",
        "Example:",
        "  rampjax design gelu --bits 6 --out gelu",
        "  rampjax export gelu/design.json -o gelu.sv",
        "  rampjax export gelu/design.json --sample 17 -o chip17.npz",
        "",
        "\b",
        "Formats, by the file's ending:",
        "  .json, .npz  table: thresholds ascending in x, sigma_x (temporal noise of each, in x), code and output of",
        "               each bin between them; read back by rampjax.load_table, NumPy or any reader of JSON",
        "  .sv          SystemVerilog real-number model: NAME (input to code), NAME_ramp (clock by clock), NAME_table",
        "",
        "An input at a threshold belongs to the bin above it; one that is NaN to the first bin.",
    ]
)


def export(
    design: Annotated[
        Path, typer.Argument(metavar="DESIGN", help="A design file, as `design --out` and `solve --out` write it.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="New file, ending in .json, .npz or .sv: its format.")
    ],
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample",
            parser=options.whole,
            metavar="N",
            help="The sampled chip of this number, from 0, as `yield --seed` simulates it. Default: the ideal "
            "converter, free of errors and noise.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", parser=options.whole, metavar="S", help="With --sample: seed of the chips. Default: 1"),
    ] = None,
    module: Annotated[
        str | None,
        typer.Option(
            "--module", metavar="NAME", help="With .sv: name of the module. Default: from the function, gelu_6bit"
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a converter for other simulators: a plain table, or a SystemVerilog model."""
    from rampjax.study.export import run_export

    record = run_export(design, out, sample=sample, seed=seed, module=module)
    if as_json:
        print_json(record)
    else:
        which = "ideal" if sample is None else f"sample {sample} of seed {record['seed']}"
        ends = " to ".join(told_apart((record["first_threshold"], record["last_threshold"])))
        named = f", module {record['module']}" if record["module"] else ""
        count = f"{record['n_thresholds']} thresholds"
        typer.echo(f"{record['bits']}-bit {record['function']}, {which}: {count} from {ends}{named}")
        say_written(out)
