"""What a solution looks like: its text, its table, its figure."""

import io
from typing import Any

import matplotlib as mpl
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rampjax.report import style
from rampjax.report.solve_figures import draw_solution, solution_figures
from rampjax.report.solve_tables import COLUMNS, comparison_frame
from rampjax.report.solve_text import solve_text
from rampjax.report.tables import to_csv_text

SCORES = {
    "expected_max_inl_lsb": (0.0518, 0.4012),
    "noise_rms_lsb": (0.113, 0.528),
    "expected_rmse_lsb": (0.2891, 0.327),
    "expected_total_rmse_lsb": (0.311, 0.621),
}


def bands_of(bits: int, spread_lsb: float, method: str | None = None, wave: bool = False) -> pd.DataFrame:
    """The bands of a sigmoid, or of a sine over two branches, whose thresholds all spread alike."""
    lsb = 1 / 2**bits
    boundaries = lsb * np.arange(1, 2**bits)
    if wave:
        boundaries = np.concatenate((boundaries, boundaries[::-1]))
        x = np.linspace(-2, 2, boundaries.size)
    else:
        x = np.log(boundaries / (1 - boundaries))
    columns: dict[str, Any] = {"k": np.arange(1, x.size + 1), "boundary": boundaries, "x_target": x}
    for q, sign in ((5, -1), (50, 0), (95, 1)):
        columns[f"inl_p{q:02d}"] = sign * spread_lsb * np.ones(x.size)
        columns[f"x_p{q:02d}"] = x + sign * spread_lsb * 0.2 * np.diff(x, append=x[-1] + 0.1)
    frame = pd.DataFrame(columns)
    return frame if method is None else frame.assign(method=method)


def record_of(n_steps: int = 30, **changes: Any) -> dict[str, Any]:
    """A record of `rampjax solve`, as far as the report looks at it."""
    record: dict[str, Any] = {
        "function": "sigmoid",
        "bits": 5,
        "levels": "midrise",
        "device": "taox_paper",
        "overrides": [],
        "calibration": "ramp_aware",
        "inputs": "output",
        "n_reads": 0,
        "read_by": "steps",
        "outputs": np.linspace(0, 1, n_steps + 2).tolist(),
        "g_target_uS": np.linspace(80, 150, n_steps).tolist(),
        "t_pulse_ns": np.linspace(1.0, 0.0625, n_steps).tolist(),
        "n_devices": [1] * n_steps,
        "devices_total": n_steps,
        "n_bias": 0,
        "g_bias_uS": 0.0,
        "t_bias_ns": 0.0,
        "g_min_uS": 0.0,
        "g_max_uS": 150.0,
        "t_clk_ns": 1.0,
        "t_min_ns": 0.0,
        "pulse_grid": 16,
        "ramp_time_ns": 32.0,
        "scale_V": 0.1,
        "start_V": -0.34,
        "v_ramp_V": np.linspace(-0.34, 0.34, n_steps + 1).tolist(),
        "spec_lsb": 0.5,
        "quantile": 0.95,
        "noise_weight": 0.0,
        "fresh_chips": 4096,
        "confidence": 0.95,
        "seed": 7,
        "converged": True,
        "iterations": 120,
        "start": "full clocks",
        "objective": "max_inl",
        "free": ["pulse_width", "scale"],
        "max_clocks": 1,
        "max_devices": None,
        "max_time_ns": None,
        "starts": 8,
        "max_iterations": 300,
        "levels_compared": [],
        "levels_compared_rmse_lsb": [],
        "notes": [],
        "closed_form_problem": None,
    }
    for place, prefix in enumerate(("", "closed_form_")):
        for key, values in SCORES.items():
            record[f"{prefix}{key}"] = values[place]
            record[f"{prefix}{key}_ci"] = [0.99 * values[place], 1.01 * values[place]]
        record[f"{prefix}quantile_max_inl_lsb"] = (0.081, 0.633)[place]
        record[f"{prefix}yield_fraction"] = (1.0, 0.81)[place]
        record[f"{prefix}yield_fraction_ci"] = [[0.9991, 1.0], [0.80, 0.82]][place]
        record[f"{prefix}total_yield_fraction"] = (0.44, 0.07)[place]
        record[f"{prefix}total_yield_fraction_ci"] = [[0.42, 0.46], [0.06, 0.08]][place]
    for key in ("devices_total", "ramp_time_ns", "n_bias", "calibration", "levels", "scale_V", "start_V"):
        record[f"closed_form_{key}"] = record[key]
    for key in ("n_devices", "v_ramp_V"):
        record[f"closed_form_{key}"] = list(record[key])
    record["closed_form_g_target_uS"] = np.linspace(25, 140, n_steps).tolist()
    record["closed_form_t_pulse_ns"] = [1.0] * n_steps
    return record | changes


def without_closed_form(record: dict[str, Any]) -> dict[str, Any]:
    """The same record where the closed form cannot be met."""
    closed_form = {key: value for key, value in record.items() if key.startswith("closed_form_")}
    empty = {
        key: [] if isinstance(value, list) and not key.endswith("_ci") else None for key, value in closed_form.items()
    }
    return record | empty | {"closed_form_problem": "Step 3 needs 160 µS."}


def line_with(text: str, start: str) -> str:
    """The one line of a text that begins so."""
    found = [line for line in text.splitlines() if line.strip().startswith(start)]
    assert len(found) == 1, found
    return found[0]


def drawn(record: dict[str, Any], bands: pd.DataFrame) -> tuple[Any, str]:
    """The figure itself, and its caption."""
    with style.figure_look():
        figure, caption, _ = draw_solution("5-bit sigmoid", record, bands)
    figure.canvas.draw()
    return figure, caption


def tall(ax: Any) -> list[float]:
    return [bar.get_height() for bar in ax.patches if hasattr(bar, "get_height")]


def test_text_says_what_came_out_and_never_the_worst_inl_alone():
    text = solve_text(record_of())
    headline = text.splitlines()[1]
    assert "mean worst INL 0.0518 LSB" in headline
    assert "0.113 LSB rms" in headline
    assert "closed form: 0.4012 LSB, noise 0.528 LSB rms" in headline
    assert "sigmoid, 5 bits, midrise levels, on taox_paper, calibration ramp_aware" in text
    assert "converged after 120 of 300 iterations" in text
    assert "full clocks" in line_with(text, "search ")
    assert "4096 chips that the search never saw; seed 7" in text
    assert "95 % interval" in text
    assert "n_reads = 0 (noise-free)" in text


def test_table_has_closed_form_and_solved_side_by_side():
    text = solve_text(record_of())
    row = line_with(text, "mean worst INL (LSB, static)")
    assert row.index("0.4012 (0.3972–0.4052)") < row.index("0.0518 (0.05128–0.05232)")
    assert line_with(text, "noise (LSB rms, temporal)")
    static = line_with(text, "chips within 0.5 LSB (%, static)").partition(")")[2].split()
    assert static == ["81.0", "(80.0–82.0)", "100", "(99.91–100)"]
    total = line_with(text, "chips within 0.5 LSB (%, with noise)").partition(")")[2].split()
    assert total == ["7", "(6–8)", "44", "(42–46)"]
    quiet = solve_text(record_of(noise_rms_lsb=0.0, closed_form_noise_rms_lsb=0.0))
    assert line_with(quiet, "chips within 0.5 LSB (%, with noise)").count("no noise") == 2
    assert line_with(text, "smallest conductance (µS)").split()[-2:] == ["25", "80"]
    assert line_with(text, "shortest pulse (ns)").split()[-2:] == ["1", "0.0625"]
    assert "quantile" not in text
    assert "bias" not in text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": "quantile"}, "95 % quantile of worst INL (LSB)"),
        ({"objective": "yield"}, "the most chips within 0.5 LSB"),
        ({"objective": "total"}, "the smallest total rms error on average, noise included\n"),
        ({"noise_weight": 2.0}, "plus 2 times the noise"),
        ({"converged": False}, "not converged in 120 of 300 iterations"),
        ({"starts": 1}, "from `full clocks` alone"),
        ({"overrides": ["device.sigma_prog_uS=4.0"]}, "taox_paper with device.sigma_prog_uS=4.0"),
        ({"free": []}, "free             conductances\n"),
        ({"pulse_grid": 1, "max_clocks": 4, "t_min_ns": 1.0}, "pulses of whole clocks from 1 ns up to 4 clocks"),
        ({"max_devices": 40, "max_time_ns": 50.0}, "at most 40 devices; a ramp of at most 50 ns"),
        ({"inputs": "normal:0:1"}, "inputs distributed as normal:0:1"),
        ({"n_bias": 5}, "bias devices of a column"),
        ({"notes": ["Injection is off."]}, "note             Injection is off."),
        (
            {"levels_compared": ["midrise", "optimal"], "levels_compared_rmse_lsb": [0.2887, 0.21]},
            "rms error of the ideal chip in LSB: midrise 0.2887, optimal 0.21",
        ),
        ({"expected_max_inl_lsb": None, "expected_max_inl_lsb_ci": None}, "mean worst INL ? LSB"),
    ],
)
def test_text_says_what_was_asked_for(changed, said):
    assert said in solve_text(record_of(**changed))


def test_a_closed_form_that_cannot_be_met():
    record = without_closed_form(record_of())
    text = solve_text(record)
    assert "closed form      cannot be met: Step 3 needs 160 µS." in text
    assert line_with(text, "mean worst INL (LSB, static)").split()[5] == "-"
    assert text.splitlines()[1].endswith("0.113 LSB rms")
    frame = comparison_frame(record).set_index("measure")
    scored = frame.drop(["quantile", "spec_lsb"])
    assert scored["closed_form"].isna().all()
    assert scored["solved"].notna().all()
    drawn(record, bands_of(5, 0.05))


def test_a_search_that_ends_at_the_closed_form_says_so():
    record = record_of()
    assert "nothing better" not in solve_text(record)
    for key in ("g_target_uS", "t_pulse_ns"):
        record[key] = list(record[f"closed_form_{key}"])
    assert "the search found nothing better" in solve_text(record)


def test_comparison_is_tidy():
    record = record_of()
    frame = comparison_frame(record)
    assert tuple(frame.columns) == COLUMNS
    assert frame["measure"].is_unique
    assert all(frame[column].dtype == float for column in COLUMNS[1:-1])
    rows = frame.set_index("measure")
    assert rows.loc["noise_rms_lsb"].tolist() == [
        *(0.528, 0.99 * 0.528, 1.01 * 0.528),
        *(0.113, 0.99 * 0.113, 1.01 * 0.113),
        "LSB",
    ]
    assert rows.loc["yield_fraction", "solved_ci_low"] == 0.9991
    assert rows.loc["total_yield_fraction", ["closed_form", "solved"]].tolist() == [0.07, 0.44]
    assert rows.loc["spec_lsb", "solved"] == 0.5
    assert np.isnan(rows.loc["devices_total", "solved_ci_low"])
    assert rows.loc["g_smallest_uS", ["closed_form", "solved", "unit"]].tolist() == [25.0, 80.0, "µS"]
    again = pd.read_csv(
        io.StringIO(to_csv_text(frame)), keep_default_na=False, na_values=dict.fromkeys(COLUMNS[1:-1], "")
    )
    pd.testing.assert_frame_equal(again, frame, rtol=1e-5)


@pytest.mark.parametrize(("bits", "wave"), [(3, False), (5, False), (5, True), (8, False), (8, True)])
def test_figure_of_few_and_many_steps(bits, wave):
    bands = [bands_of(bits, 0.04, "solved", wave), bands_of(bits, 0.9, "closed form", wave)]
    n_steps = len(bands[0]) - 1
    settings = dict(mpl.rcParams)
    record = record_of(n_steps, bits=bits)
    (figure,) = solution_figures(f"{bits}-bit function", record, pd.concat(bands, ignore_index=True))
    assert dict(mpl.rcParams) == settings
    assert plt.get_fignums() == []
    assert figure.name == "solution"
    _, width, _ = mpl.image.imread(io.BytesIO(figure.png)).shape
    assert width == round(figure.width_in * style.DPI)
    assert "closed form" in figure.caption
    assert str(n_steps) in figure.alt


def test_bars_are_the_program():
    record = record_of(n_bias=3, g_bias_uS=120.0, t_bias_ns=2.0, g_min_uS=10.0, t_min_ns=0.05)
    figure, caption = drawn(record, bands_of(5, 0.04))
    conductances, pulses = figure.axes[1], figure.axes[3]
    assert tall(conductances) == [*record["g_target_uS"], 120.0, 120.0, 120.0]
    assert tall(pulses) == [*record["t_pulse_ns"], 2.0, 2.0, 2.0]
    bars = [bar for bar in conductances.patches if hasattr(bar, "get_height")]
    assert [round(bar.get_x() + bar.get_width() / 2, 6) for bar in bars[:30]] == list(range(1, 31))
    assert all(bar.get_x() + bar.get_width() < 0.5 for bar in bars[30:])
    limits = {line.get_ydata()[0] for line in conductances.lines}
    assert limits == {10.0, 150.0}
    assert {line.get_ydata()[0] for line in pulses.lines} == {0.05, 1.0}
    assert pulses.get_ylim()[1] > 2.0
    assert "bias device" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "The 3 bias devices lower the start" in caption


def test_devices_in_parallel_are_told_apart():
    counts = [1] * 10 + [2] * 10 + [4] * 10
    figure, caption = drawn(record_of(n_devices=counts), bands_of(5, 0.04))
    bars = [bar for bar in figure.axes[1].patches if hasattr(bar, "get_height")]
    colours = {
        count: {bar.get_facecolor() for bar, n in zip(bars, counts, strict=True) if n == count} for count in (1, 2, 4)
    }
    assert all(len(shades) == 1 for shades in colours.values())
    assert len(set.union(*colours.values())) == 3
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [label for label in labels if "device" in label or "parallel" in label] == [
        "1 device",
        "2 in parallel",
        "4 in parallel",
    ]
    assert "1 to 4 of them" in caption


def test_errors_of_both_and_an_axis_that_shows_both():
    both = pd.concat([bands_of(5, 0.03, "solved"), bands_of(5, 6.0, "closed form")], ignore_index=True)
    figure, caption = drawn(record_of(), both)
    error = figure.axes[2]
    assert error.get_yscale() == "symlog"
    assert "linear up to ± 0.05 LSB and logarithmic beyond" in caption
    assert error.get_ylim()[1] > 6.0
    grey, blue = (band.get_paths()[0].vertices[:, 1].max() for band in error.collections)
    assert (grey, blue) == (6.0, 0.03)
    ticks = error.get_yticks()
    np.testing.assert_allclose(ticks, [-5, -0.5, -0.05, 0, 0.05, 0.5, 5])


@pytest.mark.parametrize("spread_lsb", [0.0, 0.4, 3.0])
def test_an_error_axis_that_needs_no_logarithm(spread_lsb):
    figure, caption = drawn(record_of(), bands_of(5, spread_lsb))
    error = figure.axes[2]
    assert error.get_yscale() == "linear"
    assert error.get_ylim()[1] > max(spread_lsb, 0.5)
    assert "logarithmic" not in caption
    assert "grey" not in caption


def test_levels_that_are_not_evenly_spaced_are_drawn_where_they_are():
    outputs = np.sort(np.random.default_rng(3).uniform(-1, 1, 32))
    figure, _ = drawn(record_of(levels="optimal", outputs=outputs.tolist()), bands_of(5, 0.04))
    (stairs,) = (patch for patch in figure.axes[0].patches if hasattr(patch, "get_data"))
    np.testing.assert_array_equal(stairs.get_data().values, outputs)
    np.testing.assert_array_equal(stairs.get_data().edges[1:-1], bands_of(5, 0.04)["x_target"])


def test_the_same_record_gives_the_same_bytes():
    first, second = (solution_figures("t", record_of(), bands_of(5, 0.04))[0].png for _ in range(2))
    assert first == second
