"""What goes wrong on the bench: glitches, wraps, sweeps that differ, overfull ends, offset and gain; in plain NumPy."""

import os
from pathlib import Path

import numpy as np
import pytest

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit.design import Design
from rampjax.config.design_file import design_record
from rampjax.interop.adc.check import check_adc
from rampjax.interop.adc.file import Histogram, TransferCurve, read_conversions
from rampjax.interop.adc.linearity import parse_input
from rampjax.interop.adc.outliers import find_outliers
from rampjax.interop.adc.sweeps import sweep_directions
from rampjax.interop.adc.wraps import unwrap

LINE = rj.design("x", 5, x_range=(0.0, 1.0))
LSB = 1 / 32
CASES = Path(os.environ.get("RAMPJAX_SHARED", Path(__file__).parents[3] / "shared")) / "cases"


def thresholds_of(seed: int, sigma_lsb: float = 0.15) -> np.ndarray:
    return np.sort(LINE.target.thresholds + LSB * np.random.default_rng(seed).normal(0, sigma_lsb, 31))


def inl_of(thresholds: np.ndarray) -> np.ndarray:
    return 32 * thresholds - np.arange(1, 32)


def convert(thresholds: np.ndarray, x: np.ndarray, noise_lsb: float, seed: int) -> np.ndarray:
    noise = LSB * noise_lsb * np.random.default_rng(seed).standard_normal(x.shape)
    return np.searchsorted(thresholds, x + noise, side="right")


def measure(x: np.ndarray, codes: np.ndarray, design: Design = LINE) -> dict:
    lines = np.arange(2, len(x) + 2)
    return check_adc(design, design_record(design), TransferCurve(x, codes, (), lines))


def histogram(counts: np.ndarray, text: str, design: Design = LINE) -> dict:
    return check_adc(design, design_record(design), Histogram(np.asarray(counts, float), ()), parse_input(text))


@pytest.mark.parametrize(("noise_lsb", "order"), [(0.0, "up"), (0.1, "up and down"), (1.0, "random"), (0.1, "up")])
def test_glitches_are_set_apart_and_act_on_nothing(noise_lsb, order):
    rng = np.random.default_rng(5)
    thresholds, up = thresholds_of(1), np.repeat(np.linspace(0, 1, 401), 5)
    x = {"up": up, "up and down": np.concatenate([up, up[::-1]]), "random": rng.uniform(0, 1, 3000)}[order]
    clean = convert(thresholds, x, noise_lsb, 2)
    codes = clean.copy()
    which = np.sort(rng.choice(len(x), 12, replace=False))
    codes[which] = (clean[which] + rng.integers(12, 20, 12)) % 32
    before, after = measure(x, clean), measure(x, codes)
    assert (before["outliers"], before["notes"]) == (0, [])
    assert after["outlier_line"] == (which + 2).tolist()
    assert after["outlier_code"] == codes[which].tolist()
    assert after["outlier_x"] == x[which].tolist()
    # 12 conversions fewer, no other change
    np.testing.assert_allclose(after["inl_lsb"], before["inl_lsb"], atol=0.03 + 0.1 * noise_lsb)
    assert (after["noise_rms_lsb"] or 0) == pytest.approx(before["noise_rms_lsb"] or 0, rel=0.02)
    assert f"line {which[0] + 2} (x = " in after["notes"][0]
    assert "12 of" in after["notes"][0]


@pytest.mark.parametrize("n", [2001, 40])
def test_a_glitch_where_the_sweep_ends_reaches_no_threshold(n):
    """One conversion of each input, half of the range: the last one alone would pass all thresholds of the rest."""
    x = np.linspace(0.3, 0.7, n)
    codes = convert(thresholds_of(1), x, 0.0, 2)
    codes[[0, -1]] = 0, 31
    record = measure(x, codes)
    assert record["outlier_line"] == [2, n + 1]
    assert record["x"][-8:] == [None] * 8


def test_many_glitches_are_said_to_be_many():
    x = np.linspace(0, 1, 2001)
    codes = convert(thresholds_of(1), x, 0.1, 2)
    codes[::40] = (codes[::40] + 16) % 32
    record = measure(x, codes)
    assert record["outliers"] == 51
    assert "2.5 % of all conversions" in record["notes"][1]
    assert np.abs(np.array(record["inl_lsb"]) - inl_of(thresholds_of(1))).max() < 0.15


@pytest.mark.parametrize(("function", "span"), [("x", (0.0, 1.0)), ("exp(-x)", (0.0, 4.0)), ("sin(x)", (-3.0, 4.0))])
@pytest.mark.parametrize("n", [150, 2000])
@pytest.mark.parametrize("noise_lsb", [0.0, 0.2, 2.0])
def test_noise_is_no_outlier(function, span, n, noise_lsb):
    target = rj.design(function, 5, x_range=span).target
    lsb = np.ptp(target.thresholds) / len(target.thresholds)
    found = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        x = rng.uniform(*span, n) if seed % 2 else np.repeat(np.linspace(*span, n // 5), 5)
        codes = target.codes[np.searchsorted(target.thresholds, x + noise_lsb * lsb * rng.standard_normal(len(x)))]
        found += int(find_outliers(x, codes, target).sum()) + int(unwrap(x, codes, target).wrapped.sum())
    assert found == 0


def test_what_the_converter_does_is_no_outlier():
    """A threshold that is undecided over a wide band, telegraph noise of one threshold, codes in the wrong order."""
    rng, x, thresholds = np.random.default_rng(3), np.repeat(np.linspace(0, 1, 801), 5), LINE.target.thresholds
    codes = convert(thresholds, x, 0.02, 1)
    undecided = np.abs(x - thresholds[15]) < 0.4 * LSB
    wide = np.where(undecided, rng.integers(15, 17, len(x)), codes)
    telegraph = np.where((x > thresholds[9]) & (x < thresholds[9] + 0.6 * LSB) & (rng.random(len(x)) < 0.3), 9, codes)
    swapped = np.where(codes == 20, 19, np.where(codes == 19, 20, codes))
    for found in (wide, telegraph, swapped):
        assert (found != codes).sum() >= 20
        assert not find_outliers(x, found, LINE.target).any()
    # Words that are mixed there, far from both codes, are.
    mixed = np.where(undecided & (rng.random(len(x)) < 0.2), 31, codes)
    assert (find_outliers(x, mixed, LINE.target) == (mixed != codes)).all()


@pytest.mark.parametrize(("function", "noise_lsb"), [("x", 0.0), ("x", 0.8), ("exp(-x)", 0.15)])
def test_wraps_are_undone(function, noise_lsb):
    """At either end, whatever noise carries over it; thresholds are as if the codes had stopped at the ends."""
    design = LINE if function == "x" else rj.design("exp(-x)", 5, x_range=(0.0, 4.0))
    rng = np.random.default_rng(4)
    thresholds = design.target.thresholds
    lo, hi = design.target.x_lo, design.target.x_hi
    x = np.repeat(np.linspace(lo - 0.15 * (hi - lo), hi + 0.4 * (hi - lo), 601), 4)
    edges = np.interp(np.arange(-12, 64), np.arange(33), np.concatenate([[lo], thresholds, [hi]]))
    first, last = np.ptp(thresholds[:2]), np.ptp(thresholds[-2:])
    edges[:12] = lo + first * np.arange(-12, 0)
    edges[45:] = hi + last * np.arange(1, 32)
    number = np.searchsorted(edges, x + noise_lsb * first * rng.standard_normal(len(x)), side="right") - 13
    stopped, wrapped = np.clip(number, 0, 31), number % 32
    if function == "exp(-x)":
        stopped, wrapped = 31 - stopped, 31 - wrapped
    record, wanted = measure(x, wrapped, design), measure(x, stopped, design)
    np.testing.assert_allclose(record["x"], wanted["x"], rtol=1e-12)
    assert record["noise_rms_lsb"] == wanted["noise_rms_lsb"]
    assert record["outliers"] == 0
    np.testing.assert_allclose(sorted(record["wrap_x"])[0], lo, atol=0.02 * (hi - lo))
    assert record["wrapped"] == (stopped != wrapped).sum()
    assert record["wrap_to"][0] == ("0" if function == "x" else "full scale")
    assert "Codes wrap: " in record["notes"][0]
    assert wanted["wrapped"] == 0


def test_thresholds_outside_of_the_sweep_are_counted_and_act_on_nothing():
    x = np.linspace(0.1, 0.8, 3001)
    thresholds = thresholds_of(2)
    record = measure(x, convert(thresholds, x, 0.0, 1))
    inside = (thresholds > x[0]) & (thresholds < x[-1])
    assert record["x"][0] is record["x"][-1] is record["inl_lsb"][0] is record["x_fit"][0] is None
    assert record["max_inl_lsb"] == pytest.approx(np.abs(inl_of(thresholds))[inside].max(), abs=0.01)
    (note,) = record["notes"]
    assert "1 to 3, 26 to 31 lie outside of the measured inputs, x = 0.1 to 0.8 (9 of 31)" in note
    # A converter that stops short of its full scale has been tested there.
    x = np.linspace(0, 1, 3001)
    (note,) = measure(x, np.minimum(convert(thresholds, x, 0.0, 1), 29))["notes"]
    assert "30, 31 lie among the measured inputs" in note
    assert "were not passed" in note


@pytest.mark.parametrize(("offset_lsb", "gain"), [(0.0, 1.0), (-1.3, 1.0), (0.4, 0.94)])
def test_offset_and_gain_are_removed(offset_lsb, gain):
    rest = thresholds_of(3)
    thresholds = rest / gain + offset_lsb * LSB
    x = np.linspace(-0.2, 1.3, 15_001)
    record = measure(x, convert(thresholds, x, 0.0, 1))
    slope, offset = np.polyfit(LINE.target.thresholds, thresholds, 1)
    assert record["offset_lsb"] == pytest.approx(32 * offset, abs=0.01)
    assert record["gain_error_pct"] == pytest.approx(100 / slope - 100, abs=0.03)
    straight = inl_of((thresholds - offset) / slope)
    known = (np.array(record["x"]) < 1) & (np.array(record["x"]) > 0)  # beyond its range the function is clipped
    np.testing.assert_allclose(record["inl_fit_lsb"], straight, atol=0.01)
    np.testing.assert_allclose(np.array(record["inl_lsb"])[known], inl_of(thresholds)[known], atol=0.01)
    assert record["max_inl_fit_lsb"] == pytest.approx(np.abs(straight).max(), abs=0.01)
    assert abs(record["inl_fit_lsb"][record["worst_fit_threshold"] - 1]) == record["max_inl_fit_lsb"]


def test_the_line_is_in_x_whatever_the_function():
    design = rj.design("sigmoid", 5)
    thresholds = 1.05 * design.target.thresholds + 0.06
    x = np.linspace(-6, 6, 12_001)
    record = measure(x, design.target.codes[np.searchsorted(thresholds, x, side="right")], design)
    assert record["max_inl_lsb"] > 0.5
    assert record["max_inl_fit_lsb"] < 0.01
    assert record["offset_x"] == pytest.approx(0.06, abs=1e-3)
    assert record["gain_error_pct"] == pytest.approx(100 / 1.05 - 100, abs=0.05)


@pytest.mark.parametrize(
    ("sweeps", "size_lsb"),
    [("up and down", 0.0), ("up and down", 0.3), ("down and up twice", 5.0), ("staircase, sawtooth", 0.3)],
)
def test_hysteresis(sweeps, size_lsb):
    up = np.repeat(np.linspace(-0.2, 1.2, 501), 3)
    parts = {"up and down": (up, up[::-1]), "down and up twice": (up[::-1], up) * 2}.get(sweeps, (up, up))
    x = np.concatenate(parts)
    way = np.concatenate([np.full(len(up), np.sign(part[-1] - part[0])) for part in parts])
    thresholds, significant = thresholds_of(4), []
    for seed in range(2):
        record = measure(x, convert(thresholds, x - 0.5 * size_lsb * LSB * way, 0.1, seed))
        significant.append(record["hysteresis_significant"])
    if sweeps == "staircase, sawtooth":
        assert significant == [None] * 2
        assert record["hysteresis_lsb"] is None
        return
    assert significant == [size_lsb > 0] * 2
    assert abs(record["hysteresis_lsb"] - size_lsb) < 4 * record["hysteresis_error_lsb"] < 0.1
    each = np.array(record["threshold_hysteresis_lsb"])
    assert record["max_hysteresis_lsb"] == each[record["max_hysteresis_threshold"] - 1]
    assert record["noise_rms_lsb"] == pytest.approx(0.1, rel=0.2)
    assert np.abs(np.array(record["x"]) - thresholds).max() < 0.15 * LSB
    assert any("hysteresis" in note for note in record["notes"]) == (size_lsb > 0)


def test_sweeps_are_told_from_other_orders():
    rng = np.random.default_rng(1)
    assert not sweep_directions(rng.uniform(0, 1, 5000)).any()
    triangle = np.concatenate([np.linspace(0, 1, 500), np.linspace(1, 0, 400)])
    noisy = sweep_directions(triangle + 0.003 * rng.standard_normal(900))
    assert (noisy[5:495] == 1).all()
    assert (noisy[505:] == -1).all()


@pytest.mark.parametrize("signal", ["ramp", "sine"])
def test_overfull_ends_leave_the_inner_codes(signal):
    """Against DNL by plain NumPy; the stated range, which the inputs left, tells nothing more."""
    thresholds = thresholds_of(6)
    rng = np.random.default_rng(1)
    pulls: dict[str, list[np.ndarray]] = {"inl_fit": [], "dnl": []}
    straight = (thresholds - thresholds[0]) / np.ptp(thresholds) * 30 - np.arange(31)
    for _ in range(15):
        phase = rng.uniform(0, 1, 60_000)
        x = 0.5 + (3 * (phase - 0.5) if signal == "ramp" else 0.9 * np.cos(np.pi * phase))
        counts = np.bincount(np.searchsorted(thresholds, x), minlength=32)
        record = histogram(counts, "ramp:0:1" if signal == "ramp" else "sine:0.5:0.5")
        assert record["overfull_ends"]
        for name, true in (("inl_fit", straight), ("dnl", np.diff(straight))):
            error = np.array(record[f"{name.removesuffix('_fit')}_error_lsb"])
            inner = error > 1e-9
            pulls[name].append(((np.array(record[f"{name}_lsb"]) - true) / np.where(inner, error, 1))[inner])
    if signal == "ramp":
        np.testing.assert_allclose(record["dnl_lsb"], counts[1:-1] / counts[1:-1].mean() - 1, atol=1e-4)
    for each in pulls.values():
        assert np.std(each) == pytest.approx(1.0, abs=0.25)
    assert record["max_inl_lsb"] is record["rmse_lsb"] is record["gain_error_pct"] is None
    assert set(record["x"]) == set(record["inl_lsb"]) == {None}
    assert record["fit"] == "end points"
    assert f"{counts[0]} conversions at code 0 where about" in record["notes"][0]


def test_end_bins_that_are_right_stay():
    """Inputs beyond the range that are stated, an offset, a small gain error; a larger one is doubted, no more."""
    thresholds, x = thresholds_of(6), np.linspace(0, 1, 200_001)
    gain = 1 / np.polyfit(LINE.target.thresholds, thresholds, 1)[0]
    for moved, stretch, text in ((0.0, 2.0, "ramp:-0.5:1.5"), (4 * LSB, 1.0, "ramp:0:1"), (0.0, 1.02, "ramp:0:1")):
        inputs = 0.5 + stretch * (x - 0.5) - moved
        record = histogram(np.bincount(np.searchsorted(thresholds, inputs), minlength=32), text)
        assert not record["overfull_ends"]
        assert record["gain_error_pct"] == pytest.approx(
            100 * gain * (stretch if text == "ramp:0:1" else 1) - 100, abs=0.3
        )
    record = histogram(np.bincount(np.searchsorted(thresholds, 0.5 + 1.1 * (x - 0.5)), minlength=32), "ramp:0:1")
    assert record["overfull_ends"]
    assert "Either the gain is about 10" in record["notes"][0]
    assert record["gain_error_pct"] == pytest.approx(110 * gain - 100, abs=0.3)
    assert record["max_inl_lsb"] > 1 > record["max_inl_fit_lsb"]


def test_a_histogram_of_a_falling_function_has_ends_too():
    design = rj.design("exp(-x)", 5, x_range=(0.0, 4.0))
    x = np.linspace(-4, 8, 100_001)
    counts = np.bincount(design.target.codes[np.searchsorted(design.target.thresholds, x)], minlength=32)
    assert histogram(counts, "ramp:0:4", design)["max_inl_fit_lsb"] < 0.01
    assert not histogram(counts, "ramp:-4:8", design)["overfull_ends"]


def test_a_converter_that_is_inverted_is_still_said_to_be():
    x = np.linspace(0, 1, 2001)
    with pytest.raises(InputError, match="inverted"):
        measure(x, 31 - convert(LINE.target.thresholds, x, 0.1, 1))


@pytest.mark.parametrize("name", ["adc_one_glitch", "adc_wraps", "adc_overfull_ends"])
def test_files_that_went_wrong_once(name):
    path = CASES / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"needs the small inputs that went wrong once, {path.name}; RAMPJAX_SHARED says where they are")
    measured = read_conversions(path, LINE)
    given = parse_input("ramp:0:1") if isinstance(measured, Histogram) else None
    record = check_adc(LINE, design_record(LINE), measured, given)
    assert len(record["notes"]) == 1
    if name == "adc_overfull_ends":
        assert record["max_inl_lsb"] is None
        assert record["max_inl_fit_lsb"] == pytest.approx(0.08, abs=0.005)
        assert "Overfull" in record["notes"][0]
        return
    assert None not in record["x"]
    assert record["max_inl_lsb"] == pytest.approx(0.079, abs=0.002)
    assert record["noise_rms_lsb"] == pytest.approx(0.115, abs=0.005)
    if name == "adc_one_glitch":
        assert (record["outlier_line"], record["outlier_code"]) == ([2], [31])
    else:
        np.testing.assert_allclose(record["wrap_x"], [0, 1], atol=0.004)
        assert record["outliers"] == 0
