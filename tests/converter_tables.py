"""Converters of every kind as tables, and inputs where they are most easily wrong."""

from collections.abc import Callable

import numpy as np

import rampjax as rj
from rampjax.interop.table import ConverterTable, converter_table

CURVE = (np.array([-1.0, 0.5, 2.0, 3.0]), np.array([0.0, 1.0, 0.25, 0.5]))

MADE: dict[str, Callable[[], ConverterTable]] = {
    "sigmoid, 5 bits": lambda: converter_table(rj.design("sigmoid", 5)),
    "sigmoid, 8 bits": lambda: converter_table(rj.design("sigmoid", 8)),
    "gelu, which turns": lambda: converter_table(rj.design("gelu", 6)),
    "a falling function": lambda: converter_table(rj.design("exp(-x)", 5, x_range=(0.0, 4.0))),
    "levels endpoint": lambda: converter_table(rj.design("sin", 5, levels="endpoint")),
    "levels zero": lambda: converter_table(rj.design("gelu", 5, levels="zero")),
    "a table": lambda: converter_table(rj.design(CURVE, 4)),
    "optimal levels": lambda: converter_table(rj.design("tanh", 4, levels="optimal", inputs="normal:0:1")),
    "2 bits": lambda: converter_table(rj.design("tanh", 2)),
    "10 bits": lambda: converter_table(rj.design("tanh", 10)),
    "a column run at fewer bits": lambda: converter_table(rj.design("sigmoid", 3, column_bits=5)),
    "a chip": lambda: converter_table(rj.design("gelu", 4), sample=3, seed=7),
    "a chip, thresholds alike": lambda: converter_table(rj.design("sigmoid", 8), sample=17),
}


def hard_inputs(table: ConverterTable, count: int, dtype: type = np.float64) -> np.ndarray:
    """Every threshold, its two neighbouring floats, ends, specials; the rest spread over the thresholds and beyond."""
    at = table.thresholds.astype(dtype)
    low, high = dtype(-np.inf), dtype(np.inf)
    tiny, most = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    special = np.array([high, low, np.nan, -0.0, 0.0, tiny, -tiny, most, -most], dtype)
    hard = np.concatenate([at, np.nextafter(at, low), np.nextafter(at, high), special])
    spread = np.random.default_rng(1).uniform(at[0] - np.ptp(at), at[-1] + np.ptp(at), count - len(hard))
    return np.concatenate([hard, spread.astype(dtype)])
