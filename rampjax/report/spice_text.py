"""A check against SPICE as text."""

from collections.abc import Mapping
from typing import Any

_MOST_LEVELS = 32  # in the table; of more, every so many


def check_text(record: Mapping[str, Any]) -> str:
    """The text of `rampjax spice check`.

    Args:
        record: what `study.spice.run_spice_check` returns.
    """
    samples = record["samples"]
    chips = f"chip {samples[0]}" if len(samples) == 1 else f"{len(samples)} chips"
    parts = [
        f"{record['bits']}-bit {record['function']}: {chips} of seed {record['seed']} in ngspice and in the model",
        _levels(record),
        _cases(record),
        _verdict(record),
    ]
    return "\n\n".join(parts)


def _levels(record: Mapping[str, Any]) -> str:
    n = len(record["level"])
    every = -(-n // _MOST_LEVELS)
    shown = [k for k in range(n) if k % every == 0 or k == n - 1]
    lines = [f"level  model (V)    SPICE (V)    worst of {len(record['samples'])} (local LSB)"]
    for k in shown:
        lines.append(
            f"{record['level'][k]:5d}  {record['level_model_V'][k]:+.6f}    {record['level_spice_V'][k]:+.6f}    "
            f"{record['level_worst_lsb'][k]:.5f}"
        )
    if every > 1:
        lines.append(f"(every {every}th of {n} levels; volts of chip {record['samples'][0]})")
    return "\n".join(lines)


def _cases(record: Mapping[str, Any]) -> str:
    wide = max(len(name) for name in (*record["cases"], "sources of error"))
    lines = [f"{'sources of error':{wide}}  worst level (local LSB)  worst decision (clocks)  other codes"]
    columns = ("cases", "worst_level_lsb", "worst_decision_clocks", "inputs_with_another_code", "inputs_compared")
    for name, level, time, wrong, compared in zip(*(record[column] for column in columns), strict=True):
        codes = f"{wrong} of {compared}"
        lines.append(f"{name:{wide}}  {level:23.5f}  {time:23.5f}  {codes:>11}")
    return "\n".join(lines)


def _verdict(record: Mapping[str, Any]) -> str:
    allowed = (
        f"{record['tolerance_lsb']:g} local LSB, {record['tolerance_clocks']:g} clocks, "
        f"{100 * record['tolerance_wrong_share']:g} % of the codes"
    )
    if record["passed"]:
        return f"Agreed, within {allowed}."
    beyond = [name for name, held in zip(record["cases"], record["case_passed"], strict=True) if not held]
    return f"NOT agreed, beyond {allowed}: {', '.join(beyond)}."
