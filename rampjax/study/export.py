"""A design, or one sampled chip of it, written as a file for another simulator."""

from pathlib import Path
from typing import Any

from rampjax.checks import InputError, nearest
from rampjax.circuit.design import Design
from rampjax.config.design_file import read_design
from rampjax.interop.systemverilog import check_module, module_name, systemverilog
from rampjax.interop.table import ConverterTable, converter_table, table_json, table_npz
from rampjax.report.tables import write_whole

_ENDINGS = (".json", ".npz", ".sv")


def run_export(
    design: Path, out: Path, *, sample: int | None = None, seed: int | None = None, module: str | None = None
) -> dict[str, Any]:
    """Writes the converter of a design file to a new file and returns what was written, as bare JSON values.

    Args:
        design: the design's file.
        out: a new file; its ending says the format.
        sample: number of the chip; None: the ideal converter.
        seed: of the chips, 1 by default; only beside a sample.
        module: name of the SystemVerilog module; only for .sv.

    Raises:
        InputError: an option without effect, a file that is there already or of an unknown ending, or what
            `export_table` and `read_design` refuse.
    """
    ending = _ending(out)
    if seed is not None and sample is None:
        raise InputError("--seed has no effect without --sample.")
    if module is not None and ending != ".sv":
        raise InputError(f"--module has no effect on {ending}, expected an output that ends in .sv.")
    if out.exists():
        raise InputError(f"`{out}` must be a new file, but is there already.")
    if module is not None:
        check_module(module)
    table = converter_table(read_design(design), sample, 1 if seed is None else seed, design.name)
    write_whole(out, _content(table, ending, module))
    return {
        "out": str(out),
        "function": table.function,
        "bits": table.bits,
        "sample": table.sample,
        "seed": table.seed,
        "n_thresholds": len(table.thresholds),
        "first_threshold": float(table.thresholds[0]),
        "last_threshold": float(table.thresholds[-1]),
        "module": (module or module_name(table)) if ending == ".sv" else None,
    }


def export_table(
    design: Design, path: str | Path, *, sample: int | None = None, seed: int = 1, module: str | None = None
) -> ConverterTable:
    """Writes a converter as a table (.json, .npz) or as a SystemVerilog model (.sv), and returns the table.

    Args:
        design: the design.
        path: the file, replaced where it is there; its ending says the format.
        sample: number of the sampled chip, that of `simulate` with the same seed; None: the ideal converter.
        seed: of the chips.
        module: name of the SystemVerilog module, by default made from the function's; only for .sv.

    Raises:
        InputError: an unknown ending, a sample or seed out of range, a name that no module may have, or a path that
            cannot be written.
    """
    ending = _ending(Path(path))
    if module is not None and ending != ".sv":
        raise InputError(f"`module` has no effect on {ending}, expected a path that ends in .sv.")
    table = converter_table(design, sample, seed)
    write_whole(Path(path), _content(table, ending, module))
    return table


def _ending(path: Path) -> str:
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise InputError(
            f"`{path}` must end in {', '.join(_ENDINGS)}, which says the format.{nearest(ending, _ENDINGS)}"
        )
    return ending


def _content(table: ConverterTable, ending: str, module: str | None) -> bytes:
    if ending == ".sv":
        return systemverilog(table, module).encode("ascii")
    return table_json(table) if ending == ".json" else table_npz(table)
