"""The read noise of cells, as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from rampjax.report.text import table_lines

_WORDS = {"median": "median", "rms": "root mean square"}


def device_noise_text(record: Mapping[str, Any]) -> str:
    """Returns the text of a fit; `record` is what `rampjax device noise --json` prints."""
    n = len(record["cell"])
    head = [
        f"{record['file']}: {n} cell{'s' * (n != 1)}, {record['samples']} samples each, {record['rate_Hz']:g} per "
        f"second, {record['duration_s']:.4g} s",
        f"  fast part        sigma_read_uS {_pooled(record, 'device_sigma_read_uS')}",
        f"                   at reads of {record['t_read_s']:.4g} s",
        f"  slow part        sigma_slow_uS {_pooled(record, 'device_sigma_slow_uS')}",
        f"                   per root e-fold of time constants from {record['slow_t_lo_s']:.4g} to "
        f"{record['slow_t_hi_s']:.4g} s, by the {record['slow_by']}",
    ]
    titles = ("cell", "mean (µS)", "σ read, fast", "σ slow, per √e-fold", "slope of the spectrum", "the model's?")
    rows = [
        (
            record["cell"][i],
            f"{record['mean_uS'][i]:.4g}",
            _interval(record, "sigma_read_uS", i),
            _interval(record, "sigma_slow_uS", i),
            _slope(record, i),
            "no: see the notes" if record["unlike_model"][i] else "yes",
        )
        for i in range(n)
    ]
    windows = ("cell", *(f"{window_s:.3g} s" for window_s in record["window_s"]), "σ slow by wander")
    return "\n".join(
        [
            *head,
            "",
            "With intervals of 95 %, in µS; each part is told where its interval excludes 0:",
            *table_lines(titles, rows, left=(0,)),
            "",
            "σ within so long, in µS, measured (and by the fit); the shortest is from one sample to the next:",
            *table_lines(windows, [_within(record, i) for i in range(n)], left=(0,)),
        ]
    )


def _pooled(record: Mapping[str, Any], key: str) -> str:
    value = record[key]
    if value is None:
        return "is not told by these data"
    n, told = len(record["cell"]), record[f"{key}_told_in"]
    if n == 1:
        return f"{value:.3g} µS"
    low, high = record[f"{key}_range"]
    word = _WORDS[record["pool"]]
    sure = record[f"{key}_median_ci"]
    beside = f", 95 % of the median {sure[0]:.3g} to {sure[1]:.3g}" if sure is not None else ""
    few = "" if told == n else f", told in {told}"
    said = f"{value:.3g} µS, the {word} of {n} cells, which lie from {low:.3g} to {high:.3g}{beside}{few}"
    if record[f"{key}_table_uS"] is None:
        return said
    pairs = zip(record[f"{key}_table_g_uS"], record[f"{key}_table_uS"], strict=True)
    return f"{said}; by conductance " + ", ".join(f"{sigma:.3g} at {g:.3g}" for g, sigma in pairs) + " µS"


def _interval(record: Mapping[str, Any], key: str, i: int) -> str:
    value, low, high = (record[f"{key}{end}"][i] for end in ("", "_ci_low", "_ci_high"))
    return f"not told, below {high:.3g}" if value is None else f"{value:.3g} ({low:.3g} to {high:.3g})"


def _slope(record: Mapping[str, Any], i: int) -> str:
    value, low, high = (record[f"slope{end}"][i] for end in ("", "_ci_low", "_ci_high"))
    return "not told" if value is None else f"{value:.2f} ({low:.2f} to {high:.2f})"


def _within(record: Mapping[str, Any], i: int) -> tuple[str, ...]:
    n = len(record["window_s"])
    pairs = zip(*(record[key][i * n : (i + 1) * n] for key in ("sd_within_uS", "sd_within_fitted_uS")), strict=True)
    by_wander = f"{record['sigma_slow_by_wander_uS'][i]:.3g}"
    return record["cell"][i], *(f"{measured:.3g} ({fitted:.3g})" for measured, fitted in pairs), by_wander
