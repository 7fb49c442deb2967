"""What the checks of the bench found, as text for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rampjax.checks import told_apart
from rampjax.report.text import table_lines

_MOST_NAMED = 16
_NOTHING_LSB = 1e-4
_STRAIGHT = {
    "least squares": "offset and gain removed",
    "end points": "of the inner codes, end points right",
    None: "offset and gain removed",
}


def check_text(record: Mapping[str, Any]) -> str:
    """A checked column as text: how good it is, what to program anew, where its start should be.

    Args:
        record: what `rampjax column check --json` prints.
    """
    return "\n".join(
        [
            *_headline(record),
            "",
            *_figures(record),
            "",
            *_outside_lines(record),
            *_plan_lines(record),
            "",
            *_start_lines(record),
        ]
    )


def adc_text(record: Mapping[str, Any]) -> str:
    """The linearity of a real converter as text, beside the model's.

    Args:
        record: what `rampjax column adc --json` prints.
    """
    given = f", inputs {record['input']}" if record["input"] else ""
    head = f"{_named(record)}: {record['n_conversions']} conversions ({record['method']}{given})"
    rows = [
        (
            "worst INL (LSB, static)",
            _with_error(record, "max_inl"),
            _number(record["model_max_inl_lsb"]),
            *_band(record),
        ),
        (
            f"  {_STRAIGHT[record['fit']]}",
            _with_error(record, "max_inl_fit"),
            _number(record["model_max_inl_fit_lsb"]),
            "",
        ),
        ("worst DNL (LSB)", _with_error(record, "max_dnl"), _largest(record["model_dnl_lsb"]), ""),
        ("noise (LSB rms, temporal)", _number(record["noise_rms_lsb"]), _number(record["model_noise_rms_lsb"]), ""),
        ("rms error (LSB)", _number(record["rmse_lsb"]), "", ""),
    ]
    titles = ("", "measured", "nominal chip", "simulated, 5-95 %")
    shown = rows if record["samples"] else [row[:3] for row in rows]
    lines = [head, "", *table_lines(titles[: len(shown[0])], shown, left=(0,)), ""]
    worst = record["worst_threshold"] or record["worst_fit_threshold"]
    lines.append(f"  worst at         threshold {worst}")
    lines += _line_lines(record)
    lines.append(f"  missing codes    {_listed(record['missing_codes'])}")
    if record["model_share_better"] is not None:
        better = 100 * record["model_share_better"]
        lines.append(
            f"  in comparison    {better:.3g} % of {record['model_compared']} simulated chips, each with errors of "
            "measurement drawn from these standard errors, have no larger worst INL"
        )
    return "\n".join(lines)


def _line_lines(record: Mapping[str, Any]) -> list[str]:
    """Offset and gain, and what befell the conversions."""
    lines = []
    if record["fit"] == "least squares":
        lines.append(
            f"  offset, gain     {record['offset_lsb']:+.3g} LSB at x = 0, {record['gain_error_pct']:+.3g} % "
            "(least-squares line through the thresholds)"
        )
    if record.get("outliers"):
        lines.append(f"  outliers         {record['outliers']} of {record['n_conversions']} conversions, set apart")
    if record.get("wrapped"):
        at = ", ".join(f"{x:.6g}" for x in record["wrap_x"])
        lines.append(f"  codes wrap       at x = {at}; {record['wrapped']} conversions beyond")
    if record.get("hysteresis_significant"):
        lines.append(
            f"  hysteresis       {record['hysteresis_lsb']:+.3g} ± {record['hysteresis_error_lsb']:.2g} LSB (up less "
            f"down, mean); at most {record['max_hysteresis_lsb']:+.3g} ± {record['max_hysteresis_error_lsb']:.2g}, at "
            f"threshold {record['max_hysteresis_threshold']}"
        )
    if record.get("overfull_ends"):
        lost = "; the scale of x is lost" if record["fit"] == "end points" else ""
        lines.append(f"  end bins         overfull{lost}")
    return lines


def _named(record: Mapping[str, Any]) -> str:
    return f"{record['bits']}-bit {record['function']} on {record['device']}, calibration {record['calibration']}"


def _headline(record: Mapping[str, Any]) -> list[str]:
    verdict = f"{'within' if record['within_spec'] else 'above'} the spec of {record['spec_lsb']:g} LSB"
    lines = [f"{_named(record)}: worst INL {record['max_inl_lsb']:.3g} LSB, {verdict}"]
    if len(record["columns"]) > 1:
        each = zip(record["columns"], record["columns_max_inl_lsb"], strict=True)
        shown = ", ".join(f"{column}: {inl:.3g}" for column, inl in list(each)[:_MOST_NAMED])
        lines.append(f"  select column {record['column']}, the one with the least worst INL (LSB; {shown})")
    return lines


def _figures(record: Mapping[str, Any]) -> list[str]:
    return [
        f"  worst at         threshold {record['worst_threshold']}, x = "
        f"{told_apart(record['x'])[record['worst_threshold'] - 1]}",
        f"  noise            {record['noise_rms_lsb']:.3g} LSB rms (temporal, of the model)",
        f"  worst DNL        {record['max_dnl_lsb']:.3g} LSB",
        f"  missing codes    {_listed(record['missing_codes'])}",
        f"  rms error        {record['rmse_lsb']:.3g} LSB, {record['total_rmse_lsb']:.3g} with noise; ideal "
        f"{record['ideal_rmse_lsb']:.3g}",
    ]


def _outside_lines(record: Mapping[str, Any]) -> list[str]:
    rows = record["outside_tolerance_row"]
    if not rows:
        return ["Every device is within the tolerance of its aim."]
    return [
        f"Outside the tolerance of {'their' if len(rows) > 1 else 'its'} aim: row{'s' * (len(rows) > 1)} "
        f"{_listed(rows)}. Normal errors of programming put about one device in twelve there."
    ]


def _plan_lines(record: Mapping[str, Any]) -> list[str]:
    rows = record["reprogram_row"]
    if not rows:
        if record["within_spec"]:
            return ["Nothing needs to be programmed anew."]
        return ["This search found no device that would make the column better if programmed anew."]
    mean, share = record["reprogrammed_mean_max_inl_lsb"], record["reprogrammed_share_within_spec"]
    reached = mean <= record["spec_lsb"]
    count = f"{len(rows)} device{'s' * (len(rows) > 1)}"
    if reached:
        head = f"To program anew, in this order: {count}, the fewest found for the spec:"
    elif record["reprogrammed_max_inl_lsb"] <= record["spec_lsb"]:
        head = (
            f"With every aim met {count} would do, but this search found no choice that is within the spec on average "
            "with the error of programming; the best found:"
        )
    else:
        head = f"This search found no choice of devices that is within the spec on average; the best programs {count}:"
    lines = zip(rows, record["reprogram_from_uS"], record["reprogram_to_uS"], strict=True)
    table = [(str(row), f"{before:.3f}", f"{after:.3f}") for row, before, after in lines]
    return [
        head,
        "",
        *table_lines(("row", "from (µS)", "to (µS)"), table),
        "",
        f"  then             worst INL {record['reprogrammed_max_inl_lsb']:.3g} LSB with every aim met; {mean:.3g} on "
        f"average with the error of programming, {100 * share:.3g} % within the spec",
        "  measure          each device before the next: what it missed, times its pulse over the next one's, comes "
        "off the next aim",
    ]


def _start_lines(record: Mapping[str, Any]) -> list[str]:
    if not record["start_kind"]:
        return [f"The start of the ramp is set by its calibration, {record['calibration']}."]
    bias = record["n_bias"] > 0
    titles = ("start, alone", *(("each bias device (µS)",) if bias else ()), "shift (mV)", "(LSB)", "worst INL (LSB)")
    names = {"middle": "middle threshold right", "minimax": "least worst INL"}
    rows = []
    for i, kind in enumerate(record["start_kind"]):
        limited = " (as far as they reach)" if record["start_limited"][i] else ""
        rows.append(
            (
                f"{names[kind]}{limited}",
                *((f"{record['start_bias_uS'][i]:.3f}",) if bias else ()),
                f"{1e3 * record['start_shift_V'][i]:+.3f}",
                f"{record['start_shift_lsb'][i]:+.3f}",
                f"{record['start_max_inl_lsb'][i]:.3g}",
            )
        )
    unchanged = ("as it is", *(("",) if bias else ()), "", "", f"{record['max_inl_lsb']:.3g}")
    return table_lines(titles, [unchanged, *rows], left=(0,))


def _with_error(record: Mapping[str, Any], name: str) -> str:
    value, error = record[f"{name}_lsb"], record[f"{name}_error_lsb"]
    return "-" if value is None else _number(value) if error is None else f"{value:.3g} ± {error:.2g}"


def _band(record: Mapping[str, Any]) -> tuple[str]:
    if not record["samples"]:
        return ("",)
    return (f"{record['model_max_inl_p05_lsb']:.3g} to {record['model_max_inl_p95_lsb']:.3g}",)


def _number(value: float | None) -> str:
    # A nominal chip errs by rounding alone.
    return "-" if value is None else "0" if abs(value) < _NOTHING_LSB else f"{value:.3g}"


def _largest(values: Sequence[float | None]) -> str:
    return _number(max((abs(value) for value in values if value is not None), default=None))


def _listed(values: Sequence[int]) -> str:
    shown = ", ".join(map(str, values[:_MOST_NAMED]))
    return shown + (f", ... ({len(values)})" if len(values) > _MOST_NAMED else "") if values else "none"
