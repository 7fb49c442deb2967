"""From the results of points to the tidy tables of a report."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rampjax.circuit.design import Design
from rampjax.metrics import COUNTS, yield_interval
from rampjax.montecarlo.engine import Result
from rampjax.report.tables import KINDS, Tables, kind_columns

CURVE_SPECS_LSB = np.logspace(-2.5, 2, 136)  # 30 per decade
CURVE_COUNTS = np.unique(np.append(np.arange(33), np.round(np.logspace(1.5, 5, 106)))).astype(float)
_BESIDE = ("max_inl_lsb", "noise_rms_lsb", "total_rmse_lsb")  # without which no yield can be judged
_PERCENTILES = (5, 50, 95)

Keys = Mapping[str, Any]


@dataclass(frozen=True)
class Measurement:
    """What is measured of every chip."""

    names: tuple[str, ...]
    yield_of: str
    specs_lsb: tuple[float, ...]
    confidence: float = 0.95

    @property
    def all_names(self) -> tuple[str, ...]:
        """The measures with what belongs beside them: that of the yield, static and total error, and the noise."""
        return tuple(dict.fromkeys((*self.names, self.yield_of, *_BESIDE)))

    @property
    def curve_specs(self) -> np.ndarray:
        """The specs of the dense grid: counts where the yield is of one, else LSB."""
        return CURVE_COUNTS if self.yield_of in COUNTS else CURVE_SPECS_LSB


def summary_frame(keys: Keys, result: Result, measurement: Measurement) -> pd.DataFrame:
    """One row per measure: mean and its interval, spread and percentiles with theirs over the chips."""
    statistics = result.statistics
    rows = []
    for name in measurement.all_names:
        low, high = statistics.mean_interval(name, measurement.confidence)
        values = {"mean": statistics.mean(name), "mean_ci_low": low, "mean_ci_high": high, "std": statistics.std(name)}
        for q in (50, 95, 99):
            low, high = statistics.quantile_interval(name, q / 100, measurement.confidence)
            values |= {f"p{q}": statistics.quantile(name, q / 100), f"p{q}_ci_low": low, f"p{q}_ci_high": high}
        counts = {"n_samples": statistics.n_samples, "n_not_finite": statistics.n_not_finite_of(name)}
        rows.append({**keys, "measure": name, **values, **counts})
    return pd.DataFrame(rows)


def yield_frame(keys: Keys, result: Result, measurement: Measurement, specs_lsb: np.ndarray) -> pd.DataFrame:
    """One row per spec: the share of chips within it, with its interval; beside it the static and the total share."""
    n = result.statistics.n_samples

    def shares(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        n_good = result.statistics.n_within(name, specs_lsb)
        return (n_good / n, *yield_interval(n_good, n, measurement.confidence))

    own = dict(zip(("yield_fraction", "ci_low", "ci_high"), shares(measurement.yield_of), strict=True))
    beside: dict[str, Any] = {}
    for kind, name in KINDS.items():
        # A worst INL within so many codes means nothing.
        held = (float("nan"),) * 3 if measurement.yield_of in COUNTS else shares(name)
        beside |= dict(zip(kind_columns(kind), held, strict=True))
    return pd.DataFrame({**keys, "spec_lsb": specs_lsb, **own, "n_samples": n, **beside})


def curve_frame(keys: Keys, result: Result, measurement: Measurement) -> pd.DataFrame:
    """The yields on the dense grid, from the last spec that no chip meets to the first that all do, each way."""
    frame = yield_frame(keys, result, measurement, measurement.curve_specs)
    columns = ["yield_fraction", *(kind_columns(kind)[0] for kind in KINDS)]
    shares = frame[columns].dropna(axis="columns")
    none = np.flatnonzero((shares == 0).all(axis="columns"))
    every = np.flatnonzero((shares == 1).all(axis="columns"))
    first = none[-1] if len(none) else 0
    last = every[0] if len(every) else len(frame) - 1
    return frame.iloc[first : last + 1]


def band_frame(keys: Keys, design: Design, kept: np.ndarray) -> pd.DataFrame:
    """One row per threshold: percentiles over the kept chips of threshold, function there, its error and the ramp.

    Args:
        keys: what tells the point from others.
        design: the point's design.
        kept: (chip, 2, padded threshold) realised thresholds in x, and the ramp in V.
    """
    target = design.target
    x, v_V = kept[:, :, : len(target.thresholds)].astype(np.float64).swapaxes(0, 1)
    # At an infinite end the function is read at the last finite float: g(inf) itself need not be defined.
    largest = np.finfo(np.float64).max
    inside = np.clip(x, max(target.x_lo, -largest), min(target.x_hi, largest))
    with np.errstate(all="ignore"):
        y = target.function.evaluate(inside.ravel()).reshape(x.shape)
    columns: dict[str, Any] = {
        "k": np.arange(1, len(target.thresholds) + 1),
        "boundary": target.boundaries,
        "x_target": target.thresholds,
        "y_target": target.boundaries,
        **_percentiles("x", "", x),
        **_percentiles("y", "", y),
        **_percentiles("inl", "", (y - target.boundaries) / target.lsb),
        "v_target_V": design.v_threshold_V,
        **_percentiles("v", "_V", v_V),
        "n_chips": len(kept),
    }
    return pd.DataFrame({**keys, **columns})


def _percentiles(name: str, unit: str, values: np.ndarray) -> dict[str, np.ndarray]:
    rows = np.percentile(values, _PERCENTILES, axis=0)
    return {f"{name}_p{q:02d}{unit}": row for q, row in zip(_PERCENTILES, rows, strict=True)}


def result_tables(keys: Keys, design: Design, result: Result, measurement: Measurement) -> Tables:
    """The tables of one point."""
    return Tables(
        summary=summary_frame(keys, result, measurement),
        yields=yield_frame(keys, result, measurement, np.array(measurement.specs_lsb)),
        curves=curve_frame(keys, result, measurement),
        bands=band_frame(keys, design, result.kept),
    )


def join_tables(parts: Sequence[Tables]) -> Tables:
    """Joins the tables of all points."""
    names = [field.name for field in dataclasses.fields(Tables)]
    return Tables(**{name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in names})
