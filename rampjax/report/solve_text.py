"""What `rampjax solve` found, as text for a terminal: in words, then closed form and solved design in a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rampjax.config.design_checks import CLOSED_FORM
from rampjax.report.labels import reads_text
from rampjax.report.meta import LEAST_LSB
from rampjax.report.text import table_lines

_ABSENT = "-"
_FREE = {
    "pulse_width": "pulse widths",
    "scale": "scale",
    "levels": "levels",
    "devices": "devices per step",
    "start": "start",
    "redundant": "redundant columns",
}
_OBJECTIVES = {
    "rmse": "the smallest rms error on average",
    "total": "the smallest total rms error on average, noise included,",
    "max_inl": "the smallest worst INL on average",
    "quantile": "the smallest {quantile:g} % quantile of the worst INL",
    "yield": "the most chips within {spec_lsb:g} LSB, static",
}

_SAMPLED = {
    "expected_max_inl_lsb": "mean worst INL (LSB, static)",
    "noise_rms_lsb": "noise (LSB rms, temporal)",
    "expected_rmse_lsb": "rms error (LSB)",
    "expected_total_rmse_lsb": "total rms error (LSB, with noise)",
}
_BUILT = {"devices_total": "devices", "n_bias": "bias devices of a column", "ramp_time_ns": "ramp time (ns)"}
_EXTENTS = {
    "g_target_uS": ("smallest conductance (µS)", "largest conductance (µS)"),
    "t_pulse_ns": ("shortest pulse (ns)", "longest pulse (ns)"),
}


@dataclass(frozen=True)
class Score:
    """One figure of a design with its interval; None where there is none."""

    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None


def solve_text(record: Mapping[str, Any]) -> str:
    """A solution as text; the worst INL, which is static, never without the noise beside it.

    Args:
        record: what `rampjax solve --json` prints.
    """
    return "\n".join(
        [
            *_headline(record),
            "",
            *_search_lines(record),
            "",
            *table_lines(("", "closed form", "solved"), _rows(record), left=(0,)),
            *_below(record),
        ]
    )


def score_of(record: Mapping[str, Any], key: str, prefix: str = "") -> Score:
    """Returns a sampled figure of the solved design, or of the closed form with its prefix."""
    low, high = record.get(f"{prefix}{key}_ci") or (None, None)
    return Score(record[f"{prefix}{key}"], low, high)


def extent_of(record: Mapping[str, Any], key: str, prefix: str = "") -> tuple[Score, Score]:
    """Returns the smallest and the largest number of a list of the record; without values where the list is empty."""
    held = record[f"{prefix}{key}"]
    return (Score(min(held)), Score(max(held))) if held else (Score(None), Score(None))


def _headline(record: Mapping[str, Any]) -> list[str]:
    """What was solved, and what came of it."""
    changed = f" with {', '.join(record['overrides'])}" if record["overrides"] else ""
    inl, noise = score_of(record, "expected_max_inl_lsb"), score_of(record, "noise_rms_lsb")
    against = ""
    before, its_noise = (score_of(record, key, CLOSED_FORM) for key in ("expected_max_inl_lsb", "noise_rms_lsb"))
    if before.value is not None:
        against = f"; closed form: {_number(before)} LSB, noise {_number(its_noise)} LSB rms"
    return [
        f"{record['function']}, {record['bits']} bits, {record['levels']} levels, on {record['device']}{changed}, "
        f"calibration {record['calibration']}:",
        f"mean worst INL {_number(inl)} LSB, static; beside it the noise, temporal: {_number(noise)} LSB rms{against}",
    ]


def _search_lines(record: Mapping[str, Any]) -> list[str]:
    """What was searched, within which limits, and how the search ended."""
    aim = _OBJECTIVES[record["objective"]].format(quantile=100 * record["quantile"], spec_lsb=record["spec_lsb"])
    if record["noise_weight"] and record["objective"] in ("max_inl", "quantile"):
        aim += f" plus {record['noise_weight']:g} times the noise"
    free = ", ".join(["conductances", *(_FREE[name] for name in record["free"])])
    limits = [_pulses(record)] if "pulse_width" in record["free"] else []
    limits += [f"at most {record['max_devices']} devices"] if record["max_devices"] is not None else []
    limits += [f"a ramp of at most {record['max_time_ns']:g} ns"] if record["max_time_ns"] is not None else []
    asked = f"{record['max_iterations']} iterations"
    ended = (
        f"converged after {record['iterations']} of {asked}"
        if record["converged"]
        else f"not converged in {record['iterations']} of {asked}: more may find better"
    )
    reads = reads_text(record["n_reads"], record["read_by"])
    return [
        f"  searched for     {aim}".rstrip(","),
        f"  free             {'; '.join([free, *limits])}",
        f"  weighted by      {_inputs(record['inputs'])}",
        f"  search           {ended}; {_starts(record)}",
        *([f"  calibrated with  {reads}"] if record["calibration"] != "none" else []),
        f"  scored on        {record['fresh_chips']} chips that the search never saw; seed {record['seed']}; in "
        f"parentheses the {100 * record['confidence']:g} % interval",
    ]


def _pulses(record: Mapping[str, Any]) -> str:
    grid, clocks = record["pulse_grid"], record["max_clocks"]
    most = "one clock" if clocks == 1 else f"{clocks} clocks"
    least = f" from {record['t_min_ns']:g} ns" if record["t_min_ns"] > 0 else ""
    if grid == 1:
        return "pulses of one clock" if clocks == 1 else f"pulses of whole clocks{least} up to {most}"
    return f"pulses in steps of 1/{grid} clock{least} up to {most}"


def _starts(record: Mapping[str, Any]) -> str:
    name = record["start"]
    return f"from `{name}` alone" if record["starts"] == 1 else f"of {record['starts']} starts `{name}` led to the best"


def _inputs(inputs: str) -> str:
    return "outputs, all equally likely" if inputs == "output" else f"inputs distributed as {inputs}"


def _rows(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The lines of the table: first what is sampled, then what is built."""
    sampled = dict(_SAMPLED)
    if record["objective"] == "quantile":
        sampled["quantile_max_inl_lsb"] = f"{100 * record['quantile']:g} % quantile of worst INL (LSB)"
    rows = [_row(record, key, label, _cell) for key, label in sampled.items()]
    within = f"chips within {record['spec_lsb']:g} LSB"
    rows.append(_row(record, "yield_fraction", f"{within} (%, static)", _share))
    rows.append((f"{within} (%, with noise)", _total_share(record, CLOSED_FORM), _total_share(record, "")))
    biased = record["n_bias"] or record[f"{CLOSED_FORM}n_bias"]
    rows += [_row(record, key, label, _cell) for key, label in _BUILT.items() if key != "n_bias" or biased]
    for key, labels in _EXTENTS.items():
        ends = zip(labels, extent_of(record, key, CLOSED_FORM), extent_of(record, key), strict=True)
        rows += [(label, _cell(before), _cell(after)) for label, before, after in ends]
    return rows


def _row(record: Mapping[str, Any], key: str, label: str, show: Callable[[Score], str]) -> tuple[str, str, str]:
    return label, show(score_of(record, key, CLOSED_FORM)), show(score_of(record, key))


def _below(record: Mapping[str, Any]) -> list[str]:
    """What the table does not say: a closed form that cannot be met, levels compared, notes."""
    lines = []
    if record["closed_form_problem"]:
        lines.append(f"  closed form      cannot be met: {record['closed_form_problem']}")
    elif _is_closed_form(record):
        lines.append("  closed form      is the answer: the search found nothing better")
    if record["levels_compared"]:
        pairs = zip(record["levels_compared"], record["levels_compared_rmse_lsb"], strict=True)
        said = ", ".join(f"{name} {_number(Score(rmse))}" for name, rmse in pairs)
        lines.append(f"  levels           {record['levels']}; rms error of the ideal chip in LSB: {said}")
    lines += [f"  note             {note}" for note in record["notes"] if "nothing better" not in note]
    return ["", *lines] if lines else []


def _is_closed_form(record: Mapping[str, Any]) -> bool:
    keys = ("g_target_uS", "t_pulse_ns", "n_devices", "v_ramp_V", "n_bias", "calibration", "levels")
    return all(record[key] == record[f"{CLOSED_FORM}{key}"] for key in keys)


def _number(score: Score) -> str:
    return "?" if score.value is None else f"{score.value:.4g}"


def _cell(score: Score) -> str:
    if score.value is None:
        return _ABSENT
    if score.ci_low is None or score.ci_high is None:
        return _number(score)
    return f"{score.value:.4g} ({score.ci_low:.4g}–{score.ci_high:.4g})"


def _total_share(record: Mapping[str, Any], prefix: str) -> str:
    """The yield with noise; where none was simulated, that."""
    noise = score_of(record, "noise_rms_lsb", prefix).value
    return (
        "no noise"
        if noise is not None and noise <= LEAST_LSB
        else _share(score_of(record, "total_yield_fraction", prefix))
    )


def _share(score: Score) -> str:
    from rampjax.report.answer import percent, percent_interval  # brings pandas

    if score.value is None or score.ci_low is None or score.ci_high is None:
        return _ABSENT
    ends = (score.ci_low, score.ci_high)
    return f"{percent(score.value, *ends)} ({percent_interval(*ends)})"
