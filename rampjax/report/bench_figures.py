"""Figures of what was measured on the bench: a programmed column, and a real converter beside simulated ones."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from rampjax.report import style
from rampjax.report.column_figures import BAND
from rampjax.report.figures import Drawn, draw_named

_COLOUR: Final = style.OKABE_ITO[0]
_NEW: Final = style.OKABE_ITO[1]  # what is to be programmed anew, and the INL after it
_BEHIND: Final = "#bdbdbd"
_MOST_BARS: Final = 80  # so many error bars stand apart; more are a band

FloatArray = NDArray[np.float64]


def check_figures(title: str, record: Mapping[str, Any]) -> tuple[Drawn, ...]:
    """Draws the figure `check`: the realised function, its INL, and the conductances against their aims.

    Args:
        title: what was measured, such as "5-bit sigmoid on taox_paper".
        record: what `rampjax column check --json` prints.
    """
    return (draw_named("check", partial(_draw_check, title, record)),)


def adc_figures(title: str, record: Mapping[str, Any]) -> tuple[Drawn, ...]:
    """Draws the figure `adc`: the realised function, its INL and DNL, beside those of simulated chips.

    Args:
        title: what was measured.
        record: what `rampjax column adc --json` prints.
    """
    return (draw_named("adc", partial(_draw_adc, title, record)),)


def _draw_check(title: str, record: Mapping[str, Any]) -> tuple[Figure, str, str]:
    figure, axes = _panels(title, f"measured, calibration {record['calibration']}")
    handles = _draw_function(axes["function"], record)
    inl = axes["upper"]
    style.mark_zero_and_spec(inl, record["spec_lsb"])
    planned = bool(record["reprogram_row"])
    apart = len(record["threshold"]) <= _MOST_BARS
    inl.plot(record["threshold"], record["inl_lsb"], color=_COLOUR, marker="o" * apart, markersize=2.2, linewidth=1.0)
    if planned:
        inl.plot(record["threshold"], record["reprogrammed_inl_lsb"], color=_NEW, linewidth=1.0, dashes=(3, 1.2))
        handles.append(Line2D([], [], color=_NEW, linewidth=1.0, dashes=(3, 1.2), label="if reprogrammed exactly"))
    _balance(inl, [record["spec_lsb"], *record["inl_lsb"], *record["reprogrammed_inl_lsb"]])
    inl.set(ylabel="INL (LSB)", xlabel="Threshold number")
    noise = f"noise {record['noise_rms_lsb']:.2g} LSB rms"
    inl.set_title(f"(b) Static error: worst {record['max_inl_lsb']:.2g} LSB; {noise}")
    handles += _draw_conductances(axes["lower"], record)
    figure.legend(handles=handles, loc="outside lower center", ncols=5, columnspacing=1.2)
    caption = (
        "(a) The target staircase (black) and the one that the measured conductances realise (blue). (b) INL at each "
        f"threshold, without temporal noise; dotted: ± {record['spec_lsb']:g} LSB"
        + ("; dashed: after programming the marked devices anew, each at its aim" if planned else "")
        + ". (c) Measured conductance of each device less its aim, in the order of programming; grey: tolerance."
    )
    return figure, caption, "A staircase of output against input, its error beside it, errors of conductances below."


def _draw_adc(title: str, record: Mapping[str, Any]) -> tuple[Figure, str, str]:
    figure, axes = _panels(title, record["method"])
    handles = _draw_function(axes["function"], record)
    number = np.asarray(record["threshold"], float)
    absolute = record["max_inl_lsb"] is not None
    straight: list[Any] = []
    if absolute and record["fit"] is not None:
        axes["upper"].plot(number, _floats(record["inl_fit_lsb"]), color=_NEW, linewidth=1.0)
        straight = [Line2D([], [], color=_NEW, linewidth=1.0, label="offset and gain removed")]
    _draw_measured(axes["upper"], number, record, "inl", "inl" if absolute else "inl_fit")
    _draw_measured(axes["lower"], number[:-1] + 0.5, record, "dnl", "dnl")
    key = "max_inl" if absolute else "max_inl_fit"
    worst = f"worst {record[f'{key}_lsb']:.2g} ± {record[f'{key}_error_lsb'] or 0:.1g} LSB"
    noise = record["noise_rms_lsb"]
    said = f"; noise {noise:.2g} LSB rms" if noise is not None else "" if absolute else "; end points right"
    axes["upper"].set_title(f"(b) Static error: {worst}{said}")
    axes["upper"].set_ylabel("INL (LSB)")
    axes["lower"].set(title="(c) Step errors", ylabel="DNL (LSB)", xlabel="Threshold number")
    axes["upper"].sharex(axes["lower"])
    axes["upper"].tick_params(labelbottom=False)
    bars = len(number) <= _MOST_BARS
    handles.append(_bars_handle() if bars else Patch(facecolor=_COLOUR, alpha=0.35, label="± 1 standard error"))
    model = [Line2D([], [], color=style.GREY, linewidth=1.0, label="model, nominal chip")]
    if record["model_inl_p05_lsb"]:
        model.append(Patch(facecolor=_BEHIND, alpha=0.55, label=f"model, {BAND}"))  # type: ignore[arg-type]
    figure.legend(
        handles=[*handles, *straight, *model], loc="outside lower center", ncols=3 if straight else 5, columnspacing=1.2
    )
    given = f", inputs {record['input']}" if record["input"] else ""
    caption = (
        "(a) The target staircase (black) and the measured one (blue). (b) INL at each threshold and (c) DNL of each "
        f"step, of {record['n_conversions']} conversions ({record['method']}{given}), with standard errors"
        f"{_scale_text(record)}. Grey: the nominal chip of the model"
        + (f", and {BAND} of {record['samples']} simulated ones." if record["model_inl_p05_lsb"] else ".")
    )
    return figure, caption, "A measured staircase, and its INL and DNL with error bars over bands of simulated chips."


def _scale_text(record: Mapping[str, Any]) -> str:
    """What is said of the scale of x, and of what is removed from the INL."""
    if record["fit"] == "end points":
        return "; the scale of x is lost: first and last threshold lie as designed, which those of the model do not"
    if record["fit"] is None:
        return ""
    return (
        f"; orange: INL without the offset of {record['offset_lsb']:+.2g} LSB at x = 0 and the gain error of "
        f"{record['gain_error_pct']:+.2g} %"
    )


def _panels(title: str, slice_: str) -> tuple[Figure, dict[str, Axes]]:
    figure = style.new_figure(style.DOUBLE_COLUMN_IN, 3.7)
    axes = figure.subplot_mosaic([["function", "upper"], ["function", "lower"]], width_ratios=(1, 1.15))
    axes["function"].set_title("(a) Function")
    axes["function"].set(xlabel="Input $x$", ylabel="Output $g(x)$")
    for name in ("upper", "lower"):
        axes[name].xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes[name].margins(x=0.02)
    style.heading(figure, title, slice_)
    return figure, axes


def _draw_function(ax: Axes, record: Mapping[str, Any]) -> list[Any]:
    """Draws target and realised staircase; a threshold that was not measured ends the realised one."""
    outputs = np.asarray(record["outputs"], float)
    target = np.asarray(record["x_target"], float)
    # Where the scale of x is lost, that on which the first and the last threshold lie as designed.
    x = _floats(record["x_fit" if record.get("fit") == "end points" else "x"])
    seen = np.isfinite(x)
    reach = np.concatenate([target, x[seen]])
    pad = 0.06 * float(np.ptp(reach)) or 1.0
    ends = float(reach.min()) - pad, float(reach.max()) + pad
    edges = np.concatenate([ends[:1], target, ends[1:]])
    ax.stairs(outputs, edges, baseline=None, color=style.INK, linewidth=0.75, zorder=3)
    first, last = int(np.argmax(seen)), len(seen) - 1 - int(np.argmax(seen[::-1]))
    inner = np.maximum.accumulate(np.interp(np.arange(first, last + 1), np.flatnonzero(seen), x[seen]))
    left = ends[0] if first == 0 else inner[0]
    right = ends[1] if last == len(seen) - 1 else inner[-1]
    ax.stairs(
        outputs[first : last + 2],
        np.concatenate([[left], inner, [right]]),
        baseline=None,
        color=_COLOUR,
        linewidth=2.4,
        alpha=0.55,
        zorder=2.5,
    )
    ax.set_xlim(*ends)
    return [
        Line2D([], [], color=style.INK, linewidth=0.8, label="target"),
        Line2D([], [], color=_COLOUR, linewidth=2.4, alpha=0.55, label="measured"),
    ]


def _draw_measured(ax: Axes, at: FloatArray, record: Mapping[str, Any], name: str, drawn: str) -> None:
    """Draws INL or DNL, `drawn`, with standard errors over the model's."""
    values, error = _floats(record[f"{drawn}_lsb"]), _floats(record[f"{name}_error_lsb"])
    low, high = (_floats(record[f"model_{name}_p{q:02d}_lsb"]) for q in (5, 95))
    if low.size:
        ax.fill_between(at, low, high, color=_BEHIND, alpha=0.55, linewidth=0)
    ax.plot(at, _floats(record[f"model_{name}_lsb"]), color=style.GREY, linewidth=1.0)
    ax.axhline(0, color=style.INK, linewidth=0.6, zorder=1.5)
    if len(record["threshold"]) <= _MOST_BARS:
        bars: dict[str, Any] = {"fmt": "o", "markersize": 2.4, "elinewidth": 0.8, "linewidth": 0.9}
        ax.errorbar(at, values, yerr=error, color=_COLOUR, **bars)
        return
    ax.fill_between(at, values - error, values + error, color=_COLOUR, alpha=0.35, linewidth=0)
    ax.plot(at, values, color=_COLOUR, linewidth=0.8)


def _bars_handle() -> Any:
    return Line2D([], [], color=_COLOUR, marker="|", markersize=7, linewidth=0, label="± 1 standard error")


def _draw_conductances(ax: Axes, record: Mapping[str, Any]) -> list[Any]:
    """Draws measured conductances less their aims, with tolerances; marks those to program anew."""
    row = np.asarray(record["row"], float)
    off = np.asarray(record["measured_uS"], float) - np.asarray(record["aim_uS"], float)
    tolerance = np.asarray(record["tolerance_uS"], float)
    ax.fill_between(row, -tolerance, tolerance, step="mid", color=_BEHIND, alpha=0.55, linewidth=0)
    ax.axhline(0, color=style.INK, linewidth=0.6, zorder=1.5)
    anew = np.isin(row, record["reprogram_row"])
    size = 3.0 if len(row) <= _MOST_BARS else 1.6
    ax.plot(row[~anew], off[~anew], "o", color=_COLOUR, markersize=size)
    ax.plot(row[anew], off[anew], "D", color=_NEW, markersize=size + 1)
    _balance(ax, [*off, *tolerance])
    ax.set(title="(c) Conductances", ylabel="Off its aim (µS)", xlabel="Row (device)")
    handles: list[Any] = [Patch(facecolor=_BEHIND, alpha=0.55, label="tolerance")]
    if anew.any():
        handles.append(Line2D([], [], color=_NEW, marker="D", markersize=4, linewidth=0, label="to be reprogrammed"))
    return handles


def _balance(ax: Axes, values: Sequence[float]) -> None:
    reach = 1.15 * max(map(abs, values)) or 1.0
    ax.set_ylim(-reach, reach)
    ax.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))


def _floats(values: Sequence[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], float)
