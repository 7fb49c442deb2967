"""From compared chips to the tables of a report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rampjax.study.spice import Case, Tolerances, level_table
from rampjax.study.spice_store import Compared

Keys = Mapping[str, Any]


def point_frame(keys: Keys, compared: Sequence[Compared], tolerances: Tolerances) -> pd.DataFrame:
    """The row of one point: worst deviations over its chips beside what its case does to them, and codes."""
    case = Case("", tuple(one.chip for one in compared))
    errors_lsb = np.abs(np.concatenate([chip.level_error_lsb for chip in case.chips]))
    values = {
        "worst_level_lsb": case.worst_lsb,
        "p95_level_lsb": float(np.percentile(errors_lsb, 95)),
        "effect_lsb": max(one.effect_lsb for one in compared),
        "worst_decision_clocks": case.worst_clocks,
        "effect_clocks": max(one.effect_clocks for one in compared),
        "decisions_compared": sum(int(chip.timed.sum()) for chip in case.chips),
        "inputs_compared": case.n_clear,
        "inputs_with_another_code": case.n_wrong,
        "tolerance_lsb": tolerances.level_lsb,
        "tolerance_clocks": tolerances.time_clocks,
        "passed": int(tolerances.hold(case)),
        "n_samples": len(case.chips),
        "ngspice_s_per_chip": case.seconds / len(case.chips),
    }
    return pd.DataFrame([{**keys, **values}])


def level_frame(keys: Keys, compared: Sequence[Compared]) -> pd.DataFrame:
    """One row per chip and level of one point."""
    levels = level_table([Case("", tuple(one.chip for one in compared))]).drop(columns="case")
    named = pd.DataFrame(dict(keys), index=levels.index)
    return pd.concat([named, levels], axis=1)
