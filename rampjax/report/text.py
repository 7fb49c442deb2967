"""Results as text for a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rampjax.checks import told_apart
from rampjax.report.labels import reads_text
from rampjax.report.meta import LEAST_LSB

_MOST_ROWS = 40
_MEASURES = ("mean_max_inl_lsb", "noise_rms_lsb", "rmse_lsb", "total_rmse_lsb")


def design_text(record: Mapping[str, Any]) -> str:
    """A design as text: its figures, then one line per step."""
    low, high = (_end(record["x_lo"], "-inf"), _end(record["x_hi"], "inf"))
    changed = f" with {', '.join(record['overrides'])}" if record["overrides"] else ""
    head = [
        f"{record['function']} on [{low}, {high}], {record['bits']} bits, {record['levels']} levels, "
        f"on {record['device']}{changed}",
        f"  one output step  {record['lsb']:.6g}",
        f"  scale            {record['scale_V']:.4g} V per unit of x; the ramp goes from {record['start_V']:.4g} V "
        f"to {record['v_ramp_V'][-1]:.4g} V in {record['ramp_time_ns']:g} ns",
        f"  integrator       {record['c_int_fF']:.4g} fF, read at {record['v_read_V']:g} V",
        f"  ideal rms error  {record['rmse_lsb']:.4f} LSB",
        f"  calibration      {record['calibration']}",
    ]
    if record["column_bits"] != record["bits"]:
        head.append(f"  column           of {record['column_bits']} bits, of which every code's threshold is one level")
    if record["n_bias"]:
        head.append(
            f"  start            {record['n_bias']} bias devices of {record['g_bias_uS']:.4g} µS, "
            f"{record['t_bias_ns']:g} ns each"
        )
    head += [*_window_lines(record), *_negative_lines(record)]
    x = told_apart(v_V / record["scale_V"] for v_V in record["v_ramp_V"])
    reached = dict(zip(record["level_of"], record["codes"][1:], strict=True))
    rows = [
        (str(k + 1), x[k], x[k + 1], str(reached.get(k + 1, "")), f"{g:.3f}", f"{t:.4g}")
        for k, (g, t) in enumerate(zip(record["g_target_uS"], record["t_pulse_ns"], strict=True))
    ]
    titles = ("step", "x from", "x to", "code", "g (µS)", "pulse (ns)")
    return "\n".join([*head, "", *table_lines(titles, rows)])


def _window_lines(record: Mapping[str, Any]) -> list[str]:
    """Says where plain programming is not what a write-verify loop does."""
    window_uS = record["write_tolerance_uS"]
    if window_uS is None or record["programming_mode"] != "plain":
        return []
    n_low = sum(g_uS < window_uS for g_uS in record["g_target_uS"])
    if not n_low:
        return []
    return [
        f"  low targets      {n_low} below {window_uS:g} µS, the window of write-verify, which 0 µS cuts off there: a "
        "loop (programming.mode) ends higher than this normal error clipped at 0, and is right"
    ]


def _negative_lines(record: Mapping[str, Any]) -> list[str]:
    """Says which devices are read as negative now and then: no model of a current, but of its normal noise."""
    from rampjax.circuit.curves import curve_at_uS  # brings numpy: `functions` has none
    from rampjax.config.records import curve_of

    curve = curve_of(record["sigma_read_uS"])
    n_faint = sum(g_uS < float(curve_at_uS(curve, g_uS)) for g_uS in record["g_target_uS"])
    if not n_faint:
        return []
    return [
        f"  faint targets    {n_faint} below their own read noise, which is normal all the same: more than 16 % of "
        "their reads are negative"
    ]


def yield_text(record: Mapping[str, Any]) -> str:
    """The yield of a design as text: the static one never without the total one, which has the noise in it.

    Args:
        record: what `rampjax yield --json` prints.
    """
    changed = f" with {', '.join(record['overrides'])}" if record["overrides"] else ""
    reads = reads_text(record["n_reads"], record["read_by"])
    calibrated = [f"  calibrated with  {reads}"] if record["calibration"] != "none" else []
    n_flagged = record["n_not_finite"]
    flagged = [f"  not finite       {n_flagged} chips have no finite error: counted as failed, in no mean"] * bool(
        n_flagged
    )
    numbers = {name: _number(record[name]) for name in _MEASURES}
    return "\n".join(
        [
            f"{record['function']}, {record['bits']} bits, on {record['device']}{changed}, calibration "
            f"{record['calibration']}:",
            *_yield_lines(record),
            "",
            f"  yield fraction   {record['yield_fraction']:.8g}; failed {record['failure_probability']:.8g}",
            f"  mean worst INL   {numbers['mean_max_inl_lsb']} LSB, static; beside it the noise, temporal: "
            f"{numbers['noise_rms_lsb']} LSB rms",
            f"  rms error        {numbers['rmse_lsb']} LSB static, {numbers['total_rmse_lsb']} LSB with noise",
            *_array_lines(record),
            *_unasked_lines(record),
            *calibrated,
            *flagged,
            f"  seed             {record['seed']}",
        ]
    )


def _yield_lines(record: Mapping[str, Any]) -> list[str]:
    """Both yields, each with its interval: first that of the measure that was asked for, then the other."""
    from rampjax.report.answer import confidence_text, percent, percent_interval  # brings pandas: `functions` has none

    def share(*keys: str) -> tuple[str, str]:
        fraction, low, high = (record[key] for key in keys)
        return percent(fraction, low, high), percent_interval(low, high)

    chips, spec = f"% of {record['n_samples']} chips", record["spec"]
    sure = f"{confidence_text(record['confidence'])} interval"
    if record["static_yield_fraction"] is None:
        held, interval = share("yield_fraction", "ci_low", "ci_high")
        codes = "no missing code" if spec == 0 else f"at most {spec:g} missing code{'s' * (spec != 1)}"
        return [f"{held} {chips} have {codes} ({sure} {interval} %)"]
    words = {"static": "static: worst INL", "total": "with noise: total RMS error"}
    asked = "total" if record["measure"] == "total_rmse_lsb" else "static"
    other = next(kind for kind in words if kind != asked)
    (held, interval), (beside, its) = (
        share(*(f"{kind}_yield_fraction{end}" for end in ("", "_ci_low", "_ci_high"))) for kind in (asked, other)
    )
    noisy = (record["noise_rms_lsb"] or 0.0) > LEAST_LSB or record.get("metastable_probability")
    first = f"{held} {chips} are within {spec:g} LSB {words[asked]} ({sure} {interval} %)"
    second = f"{beside} % {words[other]} ({its} %)"
    unknown = ["the read noise of this device is unknown, and taken as 0"] if record["read_noise_unknown"] else []
    if noisy:
        return [f"{first};", second, *unknown]
    without = unknown or ["no temporal noise was simulated"]
    if asked == "static":
        return [f"{first};", *without]
    return [f"{first.replace('with noise:', 'in all:')};", f"{second};", *without]


def _array_lines(record: Mapping[str, Any]) -> list[str]:
    """What a chip is, where it has more than one column."""
    if record["n_columns"] + record["n_spare"] == 1:
        return []
    spare = f" and {record['n_spare']} spare" if record["n_spare"] else ""
    ramps = "one ramp" if record["n_ramps"] == 1 else f"{record['n_ramps']} ramps"
    return [f"  a chip is        {record['n_columns']} columns{spare} on {ramps}: figures are of the worst one needed"]


def _unasked_lines(record: Mapping[str, Any]) -> list[str]:
    """How write-verify loops ended and how often a strobed latch stays undecided, where there are such."""
    lines = []
    if "n_unverified" in record:
        lines.append(
            f"  written by       {record['write_pulses']:.4g} pulses and {record['write_energy_fJ'] / 1e6:.4g} nJ per "
            f"chip; {record['n_unverified']:.4g} devices per chip not verified"
        )
    if "metastable_probability" in record:
        lines.append(
            f"  metastable       {record['metastable_probability']:.4g} of conversions meet an undecided latch: "
            "noise and total error have them"
        )
    return lines


def table_lines(titles: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """Lines of a table; the middle of a long one is left out, and said so.

    Args:
        titles: one per column.
        rows: cells as text.
        left: columns aligned left; the others are aligned right.
    """
    left_out = max(len(rows) - _MOST_ROWS, 0)
    half = _MOST_ROWS // 2
    shown = rows if not left_out else [*rows[:half], *rows[-half:]]
    widths = [max(len(row[i]) for row in (titles, *shown)) for i in range(len(titles))]
    lines = [
        "  ".join(
            cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (titles, *shown)
    ]
    lines = [line.rstrip() for line in lines]
    if left_out:
        lines.insert(half + 1, f"  ... {left_out} more; --json lists all")
    return lines


def _end(value: float | None, infinite: str) -> str:
    return infinite if value is None else f"{value:.12g}"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
