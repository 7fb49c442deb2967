"""The closed form against the solved design as a tidy table."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from rampjax.config.design_checks import CLOSED_FORM
from rampjax.report.solve_text import Score, extent_of, score_of

COLUMNS: Final = (
    "measure",
    *(f"{method}{end}" for method in ("closed_form", "solved") for end in ("", "_ci_low", "_ci_high")),
    "unit",
)
_SCORES: Final = {
    "expected_max_inl_lsb": "LSB",
    "noise_rms_lsb": "LSB",
    "expected_rmse_lsb": "LSB",
    "expected_total_rmse_lsb": "LSB",
    "quantile_max_inl_lsb": "LSB",
    "yield_fraction": "",
    "total_yield_fraction": "",
}
_BUILT: Final = {"devices_total": "", "n_bias": "", "ramp_time_ns": "ns", "scale_V": "V", "start_V": "V"}
_EXTENTS: Final = {
    "g_target_uS": ("g_smallest_uS", "g_largest_uS", "µS"),
    "t_pulse_ns": ("t_pulse_shortest_ns", "t_pulse_longest_ns", "ns"),
}


def comparison_frame(record: Mapping[str, Any]) -> pd.DataFrame:
    """One row per measure: the closed form and the solved design, each with its interval, and the unit.

    What is not sampled has no interval; a closed form that cannot be met has no values at all. The row `spec_lsb` says
    what `yield_fraction`, of the worst INL, and `total_yield_fraction`, of the total rms error, refer to, the row
    `quantile` what `quantile_max_inl_lsb` does.

    Args:
        record: what `rampjax solve --json` prints.
    """
    rows = []
    for key, unit in (_SCORES | _BUILT).items():
        rows.append(_row(key, score_of(record, key, CLOSED_FORM), score_of(record, key), unit))
        asked = {"quantile_max_inl_lsb": ("quantile", ""), "total_yield_fraction": ("spec_lsb", "LSB")}.get(key)
        if asked:
            name, its_unit = asked
            rows.append(_row(name, Score(record[name]), Score(record[name]), its_unit))
    for key, (*names, unit) in _EXTENTS.items():
        ends = zip(names, extent_of(record, key, CLOSED_FORM), extent_of(record, key), strict=True)
        rows += [_row(name, closed_form, solved, unit) for name, closed_form, solved in ends]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = [column for column in COLUMNS if column not in ("measure", "unit")]
    return frame.astype(dict.fromkeys(numbers, float))


def _row(measure: str, closed_form: Score, solved: Score, unit: str) -> tuple[Any, ...]:
    parts = [part for score in (closed_form, solved) for part in (score.value, score.ci_low, score.ci_high)]
    return (measure, *parts, unit)
