"""The benchmark as text, and its progress on stderr."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rampjax.bench.contender import Advance
from rampjax.report.text import table_lines

_LINE_EVERY_S = 10.0
_WIDTH = 110
_PLAIN = 1_000.0  # larger rates are whole numbers
_RATIOS = {
    "static_vs_floor": "chips, calibration none, against the fastest floor",
    "static_vs_numpy": "chips, calibration none, against NumPy",
    "static_vs_lean": "chips, calibration none, against the lean kernel",
    "ramp_aware_vs_floor": "chips, ramp_aware, against the fastest floor",
    "ramp_aware_vs_numpy": "chips, ramp_aware, against NumPy",
    "convert_noise_none_vs_numpy": "conversions without noise, against the faster NumPy",
    "convert_noise_none_vs_vmap_searchsorted": "conversions without noise, against vmap of searchsorted",
    "convert_noise_once_vs_numpy": "conversions, one draw each, against the faster NumPy",
    "convert_noise_once_vs_vmap_searchsorted": "conversions, one draw each, against vmap of searchsorted",
    "convert_noise_every_step_vs_numpy": "conversions, a draw at every step, against NumPy",
}


def bench_text(record: dict[str, Any]) -> str:
    """The tables of a record of `run_bench`."""
    floor = ("Mchip/s", "median", "Mnormal/s")
    floor_rows = _rows(record, "floor", "mchip", extra=record["floor_mnormal_per_s"])
    conversion_rows = [
        (f"{name}, noise {kind}", *cells)
        for kind, (name, *cells) in zip(
            record["conversion_noise"], _rows(record, "conversion", "mconversion"), strict=True
        )
    ]
    parts = [
        [_machine_line(record)],
        _table((f"floor: {record['normals_per_chip']} normals per chip", *floor), floor_rows),
        _table((f"static path: sigmoid, {record['bits']} bits", *floor[:2]), _rows(record, "static", "mchip")),
        _table(("conversions, chip x input", "Mconv/s", "median"), conversion_rows),
        _table(
            ("ratio", "of the fastest rounds"),
            [(text, f"{record[key]:.3g}") for key, text in _RATIOS.items()],
        ),
        [_agreement_line(record), "Rates are those of the fastest of the rounds; fused floors store no normal."],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts)


def solver_bench_text(record: dict[str, Any]) -> str:
    """The table of a record of `run_solver_bench`."""
    titles = ("solver against scipy", "s", "of the solver's", "LSB", "")
    best = (record["solver_within"] - 1) * 100
    return "\n\n".join(
        [
            _machine_line(record),
            "\n".join(table_lines(titles, _solver_rows(record), left=(0, 4))),
            f"Times of rivals until within {best:.3g} % of what the solver found (LSB: the objective on chips that "
            "nobody saw), or until they stopped.",
        ]
    )


def _solver_rows(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """The rows of a table: what, seconds, in units of the solver's, how good, remarks."""
    ours = "the solver"
    rows: list[tuple[str, ...]] = [
        (f"one design, {record['solver_bits']} bits: {ours}", f"{record['solver_single_s']:.3g}", "1",
         f"{record['solver_single_lsb']:.3g}", f"first call {record['solver_single_first_call_s']:.3g} s")
    ]  # fmt: skip
    single = [record[f"solver_rival_{key}"] for key in ("names", "s", "lsb", "arrived", "extrapolated", "stopped")]
    for (name, seconds, lsb, arrived, extrapolated, stopped), ratio in zip(
        zip(*single, strict=True), record["solver_single_vs_rival"], strict=True
    ):
        remark = "arrived" if arrived else stopped.lower()
        remark += "; time extrapolated to the gradients of the rival above" if extrapolated else ""
        rows.append((name, f"{seconds:.3g}", f"{ratio:.3g}", f"{lsb:.3g}", remark))
    n, sampled = record["solver_batch_designs"], record["solver_batch_sampled"]
    rows.append((f"{n} designs: {ours}", f"{record['solver_batch_s']:.3g}", "1", "", "compiling included"))
    batch = [record[f"solver_batch_rival_{key}"] for key in ("s", "vs_rival", "arrived", "extrapolated")]
    for name, seconds, ratio, arrived, extrapolated in zip(record["solver_rival_names"], *batch, strict=True):
        remark = f"from {sampled} of them, {arrived} arrived"
        remark += f", {extrapolated} times extrapolated" if extrapolated else ""
        rows.append((name, f"{seconds:.3g}", f"{ratio:.3g}", "", remark))
    return rows


def spice_bench_text(record: dict[str, Any]) -> str:
    """The table of a record of `run_spice_bench`."""
    titles = ("bits", "ngspice, chips/s", "rampjax, chips/s", "ratio", "apart, local LSB", "first call, s")
    keys = ("ngspice_chips_per_s", "engine_chips_per_s", "engine_vs_ngspice", "worst_level_lsb", "engine_first_call_s")
    cells = zip(*(record[key] for key in keys), strict=True)
    rows = [
        (str(bits), *(f"{value:.3g}" if value < _PLAIN else f"{value:,.0f}" for value in values))
        for bits, values in zip(record["spice_bits"], cells, strict=True)
    ]
    chips = " and ".join(str(count) for count in record["ngspice_chips"])
    return "\n\n".join(
        [
            f"{_machine_line(record)}, ngspice {record['ngspice_version']}",
            "\n".join(table_lines(titles, rows)),
            fill(f"{record['function']} on {record['device_model']} with {', '.join(record['settings'])}.", _WIDTH),
            fill(
                f"ngspice: {chips} chips with one input each, a process per core, at tolerances far below its "
                "defaults. rampjax: every threshold of each chip; its first call contains compiling and is in no rate. "
                "Apart: the largest deviation of any level of these chips, so that both rates are for the same answer.",
                _WIDTH,
            ),
        ]
    )


def _machine_line(record: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {record[f'{name}_version']}" for name in ("rampjax", "jax", "jaxlib", "numpy"))
    return (
        f"{record['platform']} ({record['device']}), {record['n_cores']} cores, {record['machine']}; "
        f"Python {record['python_version']}, {versions}"
    )


def _agreement_line(record: dict[str, Any]) -> str:
    widest = max(record["widest_disagreement_standard_errors"])
    verdict = "All compute the same" if record["contenders_agree"] else "They do NOT all compute the same"
    return (
        f"{verdict}: means and mean squares at most {widest:.1f} standard errors apart, "
        f"{record['n_codes_that_differ']} noise-free codes differ."
    )


def _rows(record: dict[str, Any], part: str, unit: str, extra: list[float] | None = None) -> list[tuple[str, ...]]:
    columns = [record[f"{part}_{unit}_per_s"], record[f"{part}_median_{unit}_per_s"], *([extra] if extra else [])]
    first_calls = record[f"{part}_first_call_s"]
    cells = zip(*columns, strict=True)
    return [
        (name, *(f"{value:.3g}" for value in values), f"{first:.2f}")
        for name, values, first in zip(record[f"{part}_names"], cells, first_calls, strict=True)
    ]


def _table(titles: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if len(rows[0]) > len(titles):
        titles = (*titles, "first call, s")
    return table_lines(titles, rows, left=(0,))


@contextmanager
def show_bench_progress() -> Iterator[Advance]:
    """Shows how far the benchmark is: a bar on a terminal, a line now and then elsewhere; stdout stays clean."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


def _lines(console: Console) -> Advance:
    shown_s = float("-inf")

    def show(done: int, total: int, text: str) -> None:
        nonlocal shown_s
        if time.monotonic() - shown_s > _LINE_EVERY_S:
            shown_s = time.monotonic()
            console.print(f"{done} of {total}: {text}", highlight=False, soft_wrap=True)

    return show
