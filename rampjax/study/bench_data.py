"""The bench: programs for a tester, and checks of what it measured, of a design file."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.design_file import read_design_file
from rampjax.interop.adc.check import check_adc
from rampjax.interop.adc.file import read_conversions
from rampjax.interop.adc.linearity import parse_input
from rampjax.interop.column.check import check_column
from rampjax.interop.column.devices import read_devices
from rampjax.interop.column.program import program_csv, program_document, program_json
from rampjax.interop.measured.reader import AS_RECOGNISED, Reading
from rampjax.montecarlo.engine import check_numbers
from rampjax.report.bench_figures import adc_figures, check_figures
from rampjax.report.figures import write_figures
from rampjax.report.tables import to_csv_text, write_whole
from rampjax.study.folder import open_folder, to_json
from rampjax.study.runner import simulate
from rampjax.study.tables import Measurement
from rampjax.target.target import Target

_PROGRAMS: Final = {".csv": program_csv, ".json": program_json}
_PERCENTILES: Final = (5, 50, 95)

FloatArray = NDArray[np.float64]


def write_program(design: Path, folder: Path | None = None, files: Sequence[Path] = ()) -> list[Path]:
    """Writes the program of a design for a tester, and returns the paths written.

    Args:
        design: a design file.
        folder: gets program.csv and program.json: a new or empty folder.
        files: written besides, each as its ending says.

    Raises:
        InputError: not a design file, an ending that is neither .csv nor .json, a file that is there already, nothing
            to write, or a folder that is refused.
    """
    if folder is None and not files:
        raise InputError("`--out` or `-o` must say where the program goes, but neither is given.")
    for file in files:
        if file.suffix.lower() not in _PROGRAMS:
            raise InputError(f"`-o` must end in .csv or .json, but is `{file}`.")
        if file.exists():
            raise InputError(f"`{file}` must be a new file, but exists.")
    record = read_design_file(design).record
    if folder is not None:
        open_folder(folder)
    paths = [*([] if folder is None else [folder / "program.csv", folder / "program.json"]), *files]
    return [write_whole(path, _PROGRAMS[path.suffix.lower()](record).encode()) for path in paths]


def read_program(design: Path) -> dict[str, Any]:
    """Returns the program of a design for a tester, as program.json has it.

    Args:
        design: a design file.
    """
    return program_document(read_design_file(design).record)


def run_check(
    design: Path,
    measured: Path,
    *,
    units: Mapping[str, str] | None = None,
    spec_lsb: float = 0.5,
    stuck: Sequence[int] = (),
    seed: int = 1,
    out: Path | None = None,
    reading: Reading = AS_RECOGNISED,
) -> dict[str, Any]:
    """Checks the measured conductances of a programmed column; see `interop.column.check`.

    Args:
        design: a design file.
        measured: the table of conductances.
        units: of columns whose header has none.
        spec_lsb: the worst INL that is still good, in LSB.
        stuck: rows that cannot be programmed.
        seed: of the programming errors by which a new programming is judged.
        out: a new or empty folder for tables and the figure; None writes nothing.
        reading: how the table is written, where that was chosen.
    """
    check_numbers(1, seed)
    found = read_design_file(design)
    devices = read_devices(measured, found.design, found.record, units, reading)
    record = check_column(found.design, found.record, devices, spec_lsb=spec_lsb, stuck=stuck, seed=seed)
    if out is not None:
        open_folder(out)
        names = ("threshold", "boundary", "x_target", "x", "y", "inl_lsb", "reprogrammed_inl_lsb")
        _write(out / "thresholds.csv", record, names)
        names = ("row", "role", "step", "target_uS", "aim_uS", "tolerance_uS", "measured_uS")
        _write(out / "devices.csv", record, names)
        _write(out / "reprogram.csv", record, ("reprogram_row", "reprogram_from_uS", "reprogram_to_uS"))
        write_figures(out, check_figures(_title(record), record))
        write_whole(out / "check.json", to_json(record))
    return record


def run_adc(
    design: Path,
    measured: Path,
    *,
    units: Mapping[str, str] | None = None,
    signal: str | None = None,
    samples: int = 1000,
    seed: int = 1,
    out: Path | None = None,
    progress: Callable[[int], None] | None = None,
    reading: Reading = AS_RECOGNISED,
) -> dict[str, Any]:
    """Measures the linearity of a real converter beside that of simulated chips; see `interop.adc.check`.

    Args:
        design: a design file.
        measured: a transfer curve or a histogram.
        units: of columns whose header has none.
        signal: the inputs of a histogram, `ramp:LO:HI` or `sine:AMPLITUDE:OFFSET`.
        samples: number of chips simulated; 0: none.
        seed: of the simulated chips.
        out: a new or empty folder for tables and the figure; None writes nothing.
        progress: called with the number of chips just simulated.
        reading: how the table is written, where that was chosen.
    """
    check_numbers(max(samples, 1), seed)
    if samples < 0:
        raise InputError(f"`samples` must be at least 0, but is {samples}.")
    given = None if signal is None else parse_input(signal)
    found = read_design_file(design)
    conversions = read_conversions(measured, found.design, units, reading)
    record = check_adc(found.design, found.record, conversions, given)
    record |= {"samples": samples, "seed": seed, **_model_band(found.design, record, samples, seed, progress)}
    if out is not None:
        open_folder(out)
        names = ("threshold", "boundary", "x_target", "x", "x_error", "y", "inl_lsb", "inl_error_lsb", "model_inl_lsb")
        _write(out / "thresholds.csv", record, (*names, *(name for name in _BANDS if name.startswith("model_inl"))))
        steps = ("dnl_lsb", "dnl_error_lsb", "model_dnl_lsb", *(n for n in _BANDS if n.startswith("model_dnl")))
        held = {"threshold": record["threshold"][:-1], **{name: record[name] for name in steps if record[name]}}
        write_whole(out / "dnl.csv", to_csv_text(pd.DataFrame(held)).encode())
        write_figures(out, adc_figures(_title(record), record))
        write_whole(out / "adc.json", to_json(record))
    return record


_BANDS: Final = tuple(f"model_{name}_p{q:02d}_lsb" for name in ("inl", "dnl") for q in _PERCENTILES)


def _model_band(
    design: Design, record: Mapping[str, Any], samples: int, seed: int, progress: Callable[[int], None] | None
) -> dict[str, Any]:
    """Percentiles of INL and DNL over simulated chips, and the share that is better than the measured one."""
    if samples == 0:
        nothing: dict[str, Any] = {name: [] for name in _BANDS}
        nothing |= {f"model_max_inl_p{q:02d}_lsb": None for q in _PERCENTILES}
        return nothing | {"model_compared": 0, "model_share_better": None}
    one_column = dataclasses.replace(design.circuit, array=type(design.circuit.array)())
    design = dataclasses.replace(design, circuit=one_column)
    measurement = Measurement(("max_inl_lsb",), "max_inl_lsb", (record["max_inl_lsb"],))
    result = simulate(design, measurement, n_samples=samples, seed=seed, progress=progress)
    target = design.target
    x = result.kept[:, 0, : len(target.thresholds)].astype(np.float64)
    y = _outputs(target, x)
    inl = (y - target.boundaries) / target.lsb
    dnl = (np.abs(np.diff(y)) - np.abs(np.diff(target.boundaries))) / target.lsb
    apart = np.array([value is None for value in record["model_dnl_lsb"]])
    band: dict[str, Any] = {}
    for name, values, absent in (("inl", inl, np.zeros(inl.shape[1], bool)), ("dnl", dnl, apart)):
        for q, row in zip(_PERCENTILES, np.percentile(values, _PERCENTILES, axis=0), strict=True):
            listed = [None if gone else float(value) for value, gone in zip(row, absent, strict=True)]
            band[f"model_{name}_p{q:02d}_lsb"] = listed
    statistics = result.statistics
    for q in _PERCENTILES:
        band[f"model_max_inl_p{q:02d}_lsb"] = float(statistics.quantile("max_inl_lsb", q / 100))
    return band | {"model_compared": len(x), "model_share_better": _share_better(target, record, x, seed)}


def _outputs(target: Target, x: FloatArray) -> FloatArray:
    largest = np.finfo(np.float64).max
    inside = np.clip(x, max(target.x_lo, -largest), min(target.x_hi, largest))
    return target.function.evaluate(inside.ravel()).reshape(x.shape)


def _share_better(target: Target, record: Mapping[str, Any], x: FloatArray, seed: int) -> float:
    """The share of simulated chips that would have shown no larger worst INL in the same measurement.

    An error of measurement is drawn for each of their thresholds: normal, with the stated standard error. Neighbours go
    together as is stated; what is further apart then does as in one multinomial draw, whose sums are a Markov chain.
    """
    seen = np.array([value is not None for value in record["x"]])
    error = np.array([value or 0.0 for value in record["x_error"]])
    joint = np.array([value or 0.0 for value in record["x_covariance_next"]])
    scale = error[:-1] * error[1:]
    together = np.clip(np.divide(joint, scale, out=np.zeros_like(scale), where=scale > 0), -1.0, 1.0)
    drawn = np.random.default_rng(seed).standard_normal(x.shape)
    for k, rho in enumerate(together.tolist(), 1):
        drawn[:, k] = rho * drawn[:, k - 1] + np.sqrt(1 - rho**2) * drawn[:, k]
    shown = np.maximum.accumulate((x + error * drawn)[:, seen], axis=1)
    worst = np.abs((_outputs(target, shown) - target.boundaries[seen]) / target.lsb).max(axis=1)
    return float(np.mean(worst <= record["max_inl_lsb"]))


def _write(path: Path, record: Mapping[str, Any], names: Sequence[str]) -> None:
    """Writes lists of a record as the columns of a table, but for those that are empty beside others."""
    columns = {name: record[name] for name in names}
    longest = max(map(len, columns.values()))
    held = {name: values for name, values in columns.items() if len(values) == longest}
    write_whole(path, to_csv_text(pd.DataFrame(held)).encode())


def _title(record: Mapping[str, Any]) -> str:
    return f"{record['bits']}-bit {record['function']} on {record['device']}"
