"""How far yields of measured cells hang on which cells were measured: the bootstrap over cells."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from rampjax.circuit.cells import LEAST_CELLS, MeasuredCells
from rampjax.circuit.design import Design
from rampjax.config.points import Point
from rampjax.metrics import COUNTS
from rampjax.montecarlo.engine import Result
from rampjax.report.labels import slice_text
from rampjax.report.tables import KINDS
from rampjax.study.tables import Measurement

RESAMPLES: Final = 20
CHIPS: Final = 4_096  # all resamples draw the same random numbers, so that few chips tell them apart


def resampled(cells: MeasuredCells, rng: np.random.Generator) -> MeasuredCells:
    """As many cells, drawn with replacement from those of each target, or from neighbours where targets differ.

    Args:
        cells: the measured ones.
        rng: what draws.

    References:
        Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 8 (several samples).
    """
    order = np.argsort(cells.target_uS, kind="stable")
    ends = np.flatnonzero(np.diff(cells.target_uS[order])) + 1
    if cells.window_uS > 0:
        ends = np.arange(LEAST_CELLS, cells.n_cells, LEAST_CELLS)
    drawn = np.empty(cells.n_cells, dtype=int)
    for group in np.split(order, ends):
        drawn[group] = rng.choice(group, len(group))
    shift_uS = (cells.target_uS - cells.target_uS[drawn])[:, None]
    return dataclasses.replace(cells, age_s=cells.age_s[drawn], g_uS=cells.g_uS[drawn] + shift_uS)


def cells_spread_note(
    points: Sequence[Point],
    designs: Mapping[int, Design],
    measurement: Measurement,
    samples: int,
    seed: int,
    simulate: Callable[..., Result],
) -> str:
    """Says how much yields would differ, had other cells of this array been measured.

    Nothing without such devices, or where specs are counts.

    Args:
        points: all points of a run.
        designs: their designs, by the number of the point.
        measurement: the specs.
        samples: chips per point of the run; no more are resampled.
        seed: of every random number.
        simulate: `runner.simulate`.
    """
    widest = (-1.0, "", 0.0, 0)
    for number in [] if measurement.yield_of in COUNTS else range(len(points)):
        cells = designs[number].device.cells
        if cells is None:
            continue
        spread = _spreads(designs[number], cells, measurement, min(samples, CHIPS), seed, simulate)
        kind, spec = max(spread, key=lambda key: spread[key])
        widest = max(widest, (spread[kind, spec], kind, spec, number))
    points_percent, kind, spec, number = widest
    if points_percent < 0:
        return ""
    labels = {key: value for key, value in points[number].labels.items() if key != "device"}
    where = f", {slice_text(labels)}" if labels else ""
    return (
        "Had other cells of the same array been measured, as many, yields by cells would be others: by up to "
        f"{100 * points_percent:.2g} points (standard deviation over {RESAMPLES} resamples of the cells, "
        f"{min(samples, CHIPS)} chips each; the largest is that of the {kind} yield within {spec:g} LSB{where}). "
        "Intervals leave this out: a smaller difference between a law and the cells may be theirs."
    )


def _spreads(
    design: Design,
    cells: MeasuredCells,
    measurement: Measurement,
    chips: int,
    seed: int,
    simulate: Callable[..., Result],
) -> dict[tuple[str, float], float]:
    """Standard deviation of each yield over resamples, by its kind and spec."""
    asked = Measurement(tuple(KINDS.values()), "max_inl_lsb", measurement.specs_lsb)
    rng = np.random.default_rng(seed)
    shares: dict[tuple[str, float], list[float]] = {}
    for _ in range(RESAMPLES):
        device = dataclasses.replace(design.device, cells=resampled(cells, rng))
        statistics = simulate(dataclasses.replace(design, device=device), asked, n_samples=chips, seed=seed).statistics
        for kind, name in KINDS.items():
            for spec in measurement.specs_lsb:
                shares.setdefault((kind, spec), []).append(statistics.yield_at(name, spec)[0])
    return {key: float(np.std(values, ddof=1)) for key, values in shares.items()}
