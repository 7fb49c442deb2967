"""A chip written as a netlist, and designs checked against ngspice."""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from rampjax.checks import InputError, check_between, check_integer
from rampjax.circuit.design import Design
from rampjax.config.design_file import read_design
from rampjax.config.reading import reading
from rampjax.config.spice_section import MOST_CHIPS as MOST_SAMPLES
from rampjax.config.spice_section import MOST_INPUTS, TOLERANCE_CLOCKS, TOLERANCE_LSB
from rampjax.interop.spice.circuit import spice_circuit
from rampjax.interop.spice.compare import CLEARANCE, ChipComparison, compare_chip
from rampjax.interop.spice.netlist import netlist
from rampjax.interop.spice.ngspice import find_ngspice
from rampjax.montecarlo.chip import sample_chip
from rampjax.report.tables import write_whole
from rampjax.study.error_sources import sources_on, switch

ALL, IDEAL = "all together", "ideal"
# What a conversion draws anew: a netlist is of one conversion without noise.
TEMPORAL: Final = frozenset(
    {"read noise", "measurement noise", "jitter", "step noise", "kT/C noise", "MAC noise", "comparator noise"}
)
_CHIP_OF = re.compile(r"^\*.*\bsample (\d+) of seed (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """Chips of a design with some of its sources of error on, in SPICE and in the model."""

    name: str
    chips: tuple[ChipComparison, ...]

    @property
    def worst_lsb(self) -> float:
        return max(chip.worst_lsb for chip in self.chips)

    @property
    def worst_clocks(self) -> float:
        return max(chip.worst_clocks for chip in self.chips)

    @property
    def n_clear(self) -> int:
        return sum(int(chip.clear.sum()) for chip in self.chips)

    @property
    def n_wrong(self) -> int:
        return sum(chip.n_wrong for chip in self.chips)

    @property
    def seconds(self) -> float:
        """That ngspice took, summed over the chips."""
        return sum(chip.seconds for chip in self.chips)


@dataclass(frozen=True)
class Tolerances:
    """How far the model may be from SPICE."""

    level_lsb: float = TOLERANCE_LSB
    time_clocks: float = TOLERANCE_CLOCKS
    wrong_share: float = 0.001

    def hold(self, case: Case) -> bool:
        """Whether a case is within them."""
        few_wrong = case.n_wrong <= self.wrong_share * case.n_clear
        return case.worst_lsb <= self.level_lsb and case.worst_clocks <= self.time_clocks and few_wrong


def run_spice_export(
    path: Path, out: Path, *, sample: int = 0, seed: int = 1, inputs: Sequence[float] = ()
) -> dict[str, Any]:
    """Writes one sampled chip as a netlist for ngspice and returns what was written, as bare JSON values.

    Args:
        path: the design's file.
        out: a new file.
        sample: number of the chip, that of `yield --seed`.
        seed: of the chips.
        inputs: x to convert, each in a column of its own; by default the middle of the chip's middle bin.

    Raises:
        InputError: a file that is there already, an input that is not finite, or what `read_design` refuses.
    """
    if out.exists():
        raise InputError(f"`{out}` must be a new file, but is there already.")
    if not np.isfinite(np.asarray(inputs, float)).all() or len(inputs) > MOST_INPUTS:
        raise InputError(f"`x` must be finite numbers, at most {MOST_INPUTS} of them.")
    design = read_design(path)
    chip = sample_chip(design, seed, sample)
    bins = np.sort(chip.thresholds)
    x = np.asarray(inputs, float) if len(inputs) else np.array([bins[(len(bins) - 1) // 2 :][:2].mean()])
    circuit = spice_circuit(design, chip, x)
    title = [
        f"rampjax {version('rampjax')}: ramp column of {design.target.function.name}, {design.target.bits} bits",
        f"{path.name}, sample {sample} of seed {seed}, {design.device.name}, calibration {design.calibration.text}.",
        "One conversion without temporal noise. Run it with: ngspice -b FILE",
    ]
    write_whole(out, netlist(circuit, title).encode())
    return {
        "out": str(out),
        "function": design.target.function.name,
        "bits": design.target.bits,
        "sample": sample,
        "seed": seed,
        "n_rows": len(circuit.rows),
        "n_levels": len(circuit.edges_ns),
        "x": x.tolist(),
        "end_ns": circuit.end_ns,
    }


def check_cases(design: Design, each: bool) -> dict[str, Design]:
    """The cases of a check: everything together, and if asked for ideal and every source alone."""
    cases = {ALL: design}
    if each:
        alone = [name for name in sources_on(design) if name not in TEMPORAL]
        cases |= {IDEAL: switch(design, ())} | {name: switch(design, [name]) for name in alone}
    return cases


def check_design(
    name: str, design: Design, *, samples: int, seed: int, inputs: int, progress: Callable[[int], None] | None = None
) -> Case:
    """Compares chips of a design with ngspice, as many at a time as there are cores."""
    check_spice_numbers(samples, inputs)
    find_ngspice()

    def one(sample: int) -> ChipComparison:
        done = compare_chip(design, seed, sample, n_inputs=inputs)
        if progress:
            progress(1)
        return done

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return Case(name, tuple(pool.map(one, range(samples))))


def check_spice_numbers(samples: int, inputs: int) -> None:
    """Raises InputError unless both are integers in range."""
    for name, value, high in (("samples", samples, MOST_SAMPLES), ("inputs", inputs, MOST_INPUTS)):
        check_integer(name, value)
        check_between(name, value, 1, high)


def run_spice_check(
    path: Path,
    *,
    samples: int = 8,
    seed: int = 1,
    inputs: int = 32,
    each: bool = False,
    tolerances: Tolerances = Tolerances(),
    progress: Callable[[int], None] | None = None,
) -> tuple[dict[str, Any], list[Case]]:
    """Checks chips of a design file against ngspice.

    Args:
        path: the design's file.
        samples: number of chips.
        seed: of the chips.
        inputs: converted by each chip.
        each: beside all sources of error together, the ideal chip and each source alone.
        tolerances: how far the model may be off.
        progress: called with the number of chips just simulated.

    Returns:
        A record of bare JSON values, `passed` among them, and the cases.

    Raises:
        InputError: no ngspice, a number out of range, or what `read_design` refuses.
    """
    design = read_design(path)
    cases = [
        check_design(name, case, samples=samples, seed=seed, inputs=inputs, progress=progress)
        for name, case in check_cases(design, each).items()
    ]
    return _record(path, design, cases, tolerances, seed), cases


def run_netlist_check(
    path: Path, netlist_path: Path, *, sample: int, seed: int, tolerances: Tolerances = Tolerances()
) -> tuple[dict[str, Any], list[Case]]:
    """Checks a netlist, as `run_spice_export` writes it and someone may have edited it, against the model of its chip.

    Args:
        path: the design's file.
        netlist_path: the netlist.
        sample: number of the chip that the netlist is of.
        seed: of the chips.
        tolerances: how far the model may be off.

    Raises:
        InputError: a netlist that is not of this design, that could run commands, or that ngspice cannot simulate.
    """
    design = read_design(path)
    with reading(netlist_path, "expected a netlist that `spice export` wrote"):
        text = netlist_path.read_text(encoding="utf-8")
    said = _CHIP_OF.search(text)
    if said and (int(said[1]), int(said[2])) != (sample, seed):
        raise InputError(
            f"{netlist_path}: is of sample {said[1]} of seed {said[2]}, expected sample {sample} of seed {seed}, or "
            f"--sample {said[1]} --seed {said[2]}."
        )
    if any(line.strip().lower().startswith((".control", ".inc", ".lib")) for line in text.splitlines()):
        raise InputError(f"{netlist_path}: must be without .control, .include and .lib, which could run commands.")
    try:
        chip = compare_chip(design, seed, sample, text=text)
    except InputError as error:
        raise InputError(f"{netlist_path}: {error}") from None
    cases = [Case(netlist_path.name, (chip,))]
    return _record(path, design, cases, tolerances, seed), cases


def _record(path: Path, design: Design, cases: Sequence[Case], tolerances: Tolerances, seed: int) -> dict[str, Any]:
    first = cases[0]
    errors_lsb = np.array([chip.level_error_lsb for chip in first.chips])
    return {
        "design": str(path),
        "function": design.target.function.name,
        "bits": design.target.bits,
        "seed": seed,
        "samples": [chip.sample for chip in first.chips],
        "tolerance_lsb": tolerances.level_lsb,
        "tolerance_clocks": tolerances.time_clocks,
        "tolerance_wrong_share": tolerances.wrong_share,
        "clearance_lsb": CLEARANCE,
        "cases": [case.name for case in cases],
        "worst_level_lsb": [case.worst_lsb for case in cases],
        "worst_decision_clocks": [case.worst_clocks for case in cases],
        "inputs_compared": [case.n_clear for case in cases],
        "inputs_with_another_code": [case.n_wrong for case in cases],
        "case_passed": [tolerances.hold(case) for case in cases],
        "level": list(range(1, errors_lsb.shape[1] + 1)),
        "level_model_V": first.chips[0].model_V.tolist(),
        "level_spice_V": first.chips[0].spice_V.tolist(),
        "level_worst_lsb": np.abs(errors_lsb).max(axis=0).tolist(),
        "ngspice_seconds": sum(case.seconds for case in cases),
        "passed": all(tolerances.hold(case) for case in cases),
    }


def level_table(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case, chip and level."""
    parts = [
        pd.DataFrame(
            {
                "case": case.name,
                "sample": chip.sample,
                "level": np.arange(1, len(chip.model_V) + 1),
                "model_V": chip.model_V,
                "spice_V": chip.spice_V,
                "error_local_lsb": chip.level_error_lsb,
            }
        )
        for case in cases
        for chip in case.chips
    ]
    return pd.concat(parts, ignore_index=True)


def decision_table(cases: Sequence[Case]) -> pd.DataFrame:
    """One row per case, chip and input; a comparator that never flips has no time."""
    parts = [
        pd.DataFrame(
            {
                "case": case.name,
                "sample": chip.sample,
                "x": chip.x,
                "model_ns": chip.model_ns,
                "spice_ns": chip.spice_ns,
                "model_code": chip.model_code,
                "spice_code": chip.spice_code,
                "clear": chip.clear,
            }
        )
        for case in cases
        for chip in case.chips
    ]
    return pd.concat(parts, ignore_index=True)


def write_check(out: Path, cases: Sequence[Case]) -> None:
    """Writes levels.csv and decisions.csv into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in (("levels", level_table(cases)), ("decisions", decision_table(cases))):
        write_whole(out / f"{name}.csv", table.to_csv(index=False, float_format="%.7g", lineterminator="\n").encode())
