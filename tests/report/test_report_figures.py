"""Figures: right data in the right place, nothing left open, the same bytes each time."""

import dataclasses
import io

import matplotlib as mpl
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from rampjax.report import style
from rampjax.report.column_figures import contrast, draw_inl_per_code, draw_ramp, draw_transfer
from rampjax.report.figures import draw_figures, write_figures
from rampjax.report.meta import FIGURE_NAMES
from rampjax.report.points import View, make_view, select
from rampjax.report.staircase import lsb_of, riser_directions, zoom_centre
from rampjax.report.yield_figure import draw_yield_vs_spec


def test_all_figures_of_a_study(study, tmp_path):
    settings = dict(mpl.rcParams)
    drawn = draw_figures(*study)
    assert [figure.name for figure in drawn] == [name for name in FIGURE_NAMES if name != "gain"]
    assert dict(mpl.rcParams) == settings
    assert plt.get_fignums() == []
    for path, figure in zip(write_figures(tmp_path, drawn), drawn, strict=True):
        assert path == tmp_path / "figures" / f"{figure.name}.png"
        height, width, _ = mpl.image.imread(io.BytesIO(figure.png)).shape
        assert width == round(figure.width_in * style.DPI)
        assert 300 < height < 2000
        assert figure.caption
        assert figure.alt


def test_same_tables_give_the_same_bytes(single):
    assert [figure.png for figure in draw_figures(*single)] == [figure.png for figure in draw_figures(*single)]


@pytest.mark.parametrize(
    ("vary", "without"),
    [
        ({"sigma": [0.5, 1.0, 1.5, 2.0, 2.67, 3.0, 3.5, 4.0, 5.0]}, {"gain"}),
        ({"device": ["taox_paper", "ihp_hfo2_milo"], "levels": ["midrise", "zero"]}, {"gain", "trend"}),
        ({"function": ["gelu", "softsign"], "bits": [2, 8]}, {"gain", "trend"}),
        ({"function": ["gelu", "sin"], "method": ["closed_form", "solved"]}, {"trend"}),
    ],
)
def test_whatever_varies_is_drawn(make, vary, without):
    drawn = draw_figures(*make(n_chips=20, **vary))
    assert [figure.name for figure in drawn] == [name for name in FIGURE_NAMES if name not in without]


def test_yield_lines_are_the_table(study):
    meta, tables = study
    view = make_view(meta, tables)
    with style.figure_look():
        figure, _, _ = draw_yield_vs_spec(meta, tables, view)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["sigmoid", "sin"]
    assert figure.axes[0].get_xscale() == "log"
    assert "5 bits" not in figure.axes[0].get_title()
    assert "4 bits" in figure.get_suptitle()
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
    thick, thin = curves[:3], curves[3:]
    assert len({(line.get_color(), str(line._dash_pattern)) for line in thick}) == 3
    assert len({str(line._dash_pattern) for line in thick}) == 3
    assert [line.get_color() for line in thin] == [line.get_color() for line in thick]
    assert max(line.get_linewidth() for line in thin) < min(line.get_linewidth() for line in thick)
    for lines, column in ((thick, "yield_fraction"), (thin, "total_yield_fraction")):
        for calibration, line in zip(view.values["calibration"], lines, strict=True):
            table = select(tables.curves, {"function": "sigmoid", "bits": 4, "calibration": calibration})
            at = np.interp(table["spec_lsb"], line.get_xdata(), line.get_ydata())
            np.testing.assert_allclose(at, table[column])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend[-2:] == ["static: worst INL", "with noise: total RMS error"]


def test_a_device_of_unknown_read_noise_has_no_total_line(make):
    meta, tables = make(n_chips=30, device=["a", "b"], calibration=["none", "ramp_aware"])
    meta = dataclasses.replace(meta, noise_unknown=("b",))
    with style.figure_look():
        figure, caption, _ = draw_yield_vs_spec(meta, tables, make_view(meta, tables))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b *"]
    assert [sum(len(line.get_xdata()) > 2 for line in ax.lines) for ax in figure.axes] == [4, 2]
    assert "* read noise unknown, taken as 0. Their total yield is not drawn." in caption


def test_a_yield_of_counts_has_steps_at_whole_numbers(make):
    meta, tables = make(n_chips=30, specs=(0.0, 2.0), yield_of="missing_codes", calibration=["none", "ramp_aware"])
    counts = {"none": [0.2, 0.5, 0.9, 1.0], "ramp_aware": [0.8, 1.0, 1.0, 1.0]}
    rows = tables.curves.groupby("calibration").head(4)
    curves = rows.assign(
        spec_lsb=np.tile(np.arange(4.0), 2),
        yield_fraction=np.concatenate([counts[c] for c in rows["calibration"].unique()]),
    )
    tables = dataclasses.replace(tables, curves=curves)
    with style.figure_look():
        figure, _, _ = draw_yield_vs_spec(meta, tables, make_view(meta, tables))
        figure.canvas.draw()
    (ax,) = figure.axes
    lines = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert [line.get_drawstyle() for line in lines] == ["steps-post"] * 2
    assert [list(line.get_ydata()[:4]) for line in lines] == list(counts.values())
    assert ax.get_xscale() == "linear"
    assert all(float(tick.get_text().replace("−", "-")) % 1 == 0 for tick in ax.get_xticklabels() if tick.get_text())
    assert ax.get_xlabel() == "Spec: at most so many missing codes"


def test_yield_lines_run_on_where_the_table_ends(make):
    meta, tables = make(n_chips=100, calibration=["none", "ramp_aware"])
    rows = tables.curves
    part = rows[(rows["yield_fraction"] > 0) & (rows["yield_fraction"] < 1)]
    ends = [
        rows[rows["yield_fraction"] == 0].groupby("calibration").tail(1),
        rows[rows["yield_fraction"] == 1].groupby("calibration").head(1),
    ]
    cut = type(tables)(tables.summary, tables.yields, pd.concat([part, *ends]), tables.bands)
    view = make_view(meta, cut)
    with style.figure_look():
        figure, _, _ = draw_yield_vs_spec(meta, cut, view)
    low, high = figure.axes[0].get_xlim()
    for line in [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2][:2]:
        x, y = line.get_xdata(), line.get_ydata()
        assert (x[0], y[0], x[-1], y[-1]) == (pytest.approx(low), 0, pytest.approx(high), 1)


def test_inl_panels_show_median_and_band(study):
    meta, tables = study
    view = make_view(meta, tables)
    with style.figure_look():
        figure, caption, _ = draw_inl_per_code(meta, tables, view)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["uncalibrated", "redundant:4+one_point", "ramp_aware"]
    assert figure.axes[0].get_ylabel() == "INL (LSB)"
    assert "sigmoid, 4 bits" in caption
    bands = select(tables.bands, {"function": "sigmoid", "bits": 4, "calibration": "none"})
    median = max(figure.axes[0].lines, key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(median.get_ydata(), bands["inl_p50"])
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(bands["inl_p95"].max())
    assert band[:, 1].min() == pytest.approx(bands["inl_p05"].min())


def test_transfer_and_ramp_show_reference_and_best(study):
    meta, tables = study
    view = make_view(meta, tables)
    assert contrast(view) == ("none", view.best)
    with style.figure_look():
        transfer, _, _ = draw_transfer(meta, tables, view)
        ramp, _, _ = draw_ramp(meta, tables, view)
    assert transfer.axes[2].get_xlabel() == "Input $x$"
    assert ramp.axes[0].get_ylabel() == "Ramp voltage (mV)"
    bands = select(tables.bands, {"function": "sigmoid", "bits": 4, "calibration": "none"})
    target = ramp.axes[0].lines[0]
    np.testing.assert_allclose(target.get_ydata(orig=True), 1e3 * bands["v_target_V"])


def test_directions_of_risers():
    np.testing.assert_array_equal(riser_directions(np.array([1.0, 2, 3])), [1, 1, 1])
    np.testing.assert_array_equal(riser_directions(np.array([3.0, 2, 1])), [-1, -1, -1])
    # over an extremum the same boundary is crossed twice, up and down (square: down, then up)
    np.testing.assert_array_equal(riser_directions(np.array([2.0, 1, 1, 2])), [-1, -1, 1, 1])
    np.testing.assert_array_equal(riser_directions(np.array([1.0, 1, 2, 2, 1])), [-1, 1, 1, -1, -1])
    np.testing.assert_array_equal(riser_directions(np.array([1.0, 1, 1])), [1, -1, 1])


def test_lsb_from_boundaries():
    assert lsb_of(np.array([0.25, 0.5, 0.75, 0.5000001])) == pytest.approx(0.25, rel=1e-5)
    assert lsb_of(np.array([0.5, 0.5])) == 1.0


def test_zoom_stays_inside(study):
    bands = select(study[1].bands, {"function": "sigmoid", "bits": 3, "calibration": "none"}).copy()
    bands["inl_p95"] = np.arange(len(bands), dtype=float)
    assert zoom_centre(bands) == len(bands) - 3


def test_styles_tell_lines_apart():
    styles = style.line_styles(("one_point", "none", "ramp_aware"))
    assert list(styles) == ["one_point", "none", "ramp_aware"]
    assert styles["none"] == (style.GREY, style.SOLID)
    many = style.line_styles(tuple(float(i) for i in range(20)))
    assert len(many) == style.MAX_LINES
    assert (min(many), max(many)) == (0, 19)
    assert len(set(many.values())) == style.MAX_LINES
    assert len({dashes for _, dashes in style.line_styles("abcdefg").values()}) == style.MAX_LINES


def test_what_the_answer_names_is_drawn_however_many_are_compared():
    values = ("none", *"bcdefghij")
    for best in values[1:]:
        view = View((), {"calibration": values}, "calibration", {}, {}, 0.5, best, "none")
        shown = style.chosen(view, style.MAX_PANELS)
        assert len(shown) == style.MAX_PANELS
        assert {"none", best} <= set(shown)
        assert set(style.compared_styles(view)) >= {"none", best}
