"""Read noise from time series: the periodogram's expectation, intervals that cover, what is not the model, reading."""

import gzip
import math
import os
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy import signal, special

from rampjax.checks import InputError
from rampjax.circuit.slow_noise import correlation
from rampjax.interop.device_noise.cell import fit_cell, wanders_more
from rampjax.interop.device_noise.device_file import fragment_toml
from rampjax.interop.device_noise.fit import correlation_of_slow, fit_spectrum, make_basis
from rampjax.interop.device_noise.noise import fit_noise
from rampjax.interop.device_noise.pooled import pool
from rampjax.interop.device_noise.series import Layout, read_series
from rampjax.interop.device_noise.spectrum import make_bins, periodogram_uS2_per_Hz, relaxation_per_Hz
from rampjax.interop.measured.options import parse_reading

SHARED = Path(os.environ.get("RAMPJAX_SHARED", Path(__file__).parents[3] / "shared"))
TECH_A = SHARED / "data" / "rram_relaxation" / "techA_tsdata.min.tsv.gz"


def wandering(
    n: int, rate_Hz: float, sigma_slow: float, t_lo_s: float, t_hi_s: float, rng: np.random.Generator
) -> np.ndarray:
    """The model's slow part, independently: four Ornstein-Uhlenbeck processes for each e-fold of time constants."""
    efolds = math.log(t_hi_s / t_lo_s)
    parts = int(4 * efolds)
    total = np.zeros(n)
    for k in range(parts):
        kept = math.exp(-1 / (rate_Hz * t_lo_s * math.exp((k + 0.5) * efolds / parts)))
        sigma = sigma_slow * math.sqrt(efolds / parts)
        drive = sigma * rng.standard_normal(n) * np.where(np.arange(n) == 0, 1.0, math.sqrt(1 - kept**2))
        total += signal.lfilter([1.0], [1.0, -kept], drive)
    return total


def cell_of(seed: int, n: int = 4000, sigma_read: float = 0.3, sigma_slow: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 50 + wandering(n, 100.0, sigma_slow, 0.01, n / 100, rng) + sigma_read * rng.standard_normal(n)


@pytest.mark.parametrize("tau_s", [0.001, 0.3, 4.0, 100.0])
def test_the_expected_periodogram_is_exact(tau_s):
    n, rate_Hz = 101, 50.0
    bins = make_bins(n, rate_Hz)
    t = np.arange(n)
    window = 1 - np.cos(2 * np.pi * t / n)
    covariance = np.exp(-np.abs(np.subtract.outer(t, t)) / (rate_Hz * tau_s))
    waves = np.exp(-2j * np.pi * np.outer(t, t) / n) * window
    power = 2 / (rate_Hz * np.sum(window**2)) * np.real(np.einsum("jt,ts,js->j", waves, covariance, waves.conj()))
    expected = [power[s : s + c].mean() for s, c in zip(bins.start, bins.count, strict=True)]
    np.testing.assert_allclose(relaxation_per_Hz(bins, tau_s), expected, rtol=1e-10)


def test_the_periodogram_is_that_of_scipy_and_knows_no_mean():
    x, bins = cell_of(1, 500), make_bins(500, 100.0)
    window = signal.windows.hann(500, sym=False)
    _, power = signal.periodogram(x, 100.0, window, detrend="constant")
    expected = [power[s : s + c].mean() for s, c in zip(bins.start, bins.count, strict=True)]
    np.testing.assert_allclose(periodogram_uS2_per_Hz(x, bins), expected, rtol=1e-9)
    np.testing.assert_allclose(periodogram_uS2_per_Hz(x + 1e4, bins), expected, rtol=1e-6)


def test_the_slow_part_is_that_of_the_circuit():
    basis = make_basis(1000, 100.0)
    covariance = correlation_of_slow(basis)
    for k in (0, 1, 10, 500):
        there = correlation(k / 100, basis.t_lo_s, basis.t_hi_s) * covariance[0]
        assert covariance[k] == pytest.approx(there, rel=1e-12)
    # The relaxations add up to the same covariance.
    weights = basis.relaxations.weight @ np.exp(-0.05 / np.exp(basis.relaxations.ln_tau))
    assert weights == pytest.approx(special.exp1(0.05 / 10) - special.exp1(0.05 / 0.01), rel=1e-9)


def test_intervals_cover():
    basis, held = make_basis(300, 100.0), np.zeros(3)
    for seed in range(100):
        spectral = fit_spectrum(cell_of(seed, 300, sigma_slow=0.15), basis)
        fast, slow, steep = spectral.fast_uS2, spectral.slow_uS2, spectral.steepness
        held += [
            fast.low <= 0.3**2 <= fast.high,
            slow.low <= 0.15**2 <= slow.high,
            steep is None or steep.low <= 1 <= steep.high,
        ]
    assert (held >= 88).all(), held


def test_noise_of_the_model_is_recovered_and_nothing_is_said_of_it():
    basis = make_basis(4000, 100.0)
    cells = [fit_cell("a", cell_of(seed), basis) for seed in range(12)]
    assert np.sqrt(np.mean([cell.read.value**2 for cell in cells])) == pytest.approx(0.3, rel=0.02)
    assert np.sqrt(np.mean([cell.slow.value**2 for cell in cells])) == pytest.approx(0.2, rel=0.05)
    assert sum(not cell.spectral.fits for cell in cells) <= 1
    assert not any(cell.drift.is_seen or cell.jumps.is_seen or cell.is_rounding or wanders_more(cell) for cell in cells)
    shortest, whole = cells[0].wander[0], cells[0].wander[-1]
    steps = np.diff(cell_of(0).reshape(-1, 2))
    assert shortest.rms_uS == pytest.approx(np.sqrt(np.mean(steps**2) / 2), rel=1e-9)
    assert whole.rms_uS == whole.mean_uS == pytest.approx(cell_of(0).std(ddof=1), rel=1e-9)
    windows = [[one.rms_uS / one.fitted_uS for one in cell.wander] for cell in cells]
    np.testing.assert_allclose(np.mean(windows, axis=0), 1, atol=0.06)


def test_a_part_that_is_not_there_is_not_claimed():
    basis = make_basis(1000, 100.0)
    white = [fit_spectrum(cell_of(seed, 1000, sigma_slow=0.0), basis) for seed in range(12)]
    assert sum(one.slow_uS2.is_told for one in white) <= 2
    assert all(one.fast_uS2.is_told for one in white)
    assert white[0].steepness is None
    slow = [fit_spectrum(cell_of(seed, 1000, sigma_read=0.0), basis) for seed in range(12)]
    assert sum(one.fast_uS2.is_told for one in slow) <= 2
    assert all(one.slow_uS2.is_told for one in slow)


def test_what_is_not_the_model_is_found():
    n, rng = 4000, np.random.default_rng(7)
    basis = make_basis(n, 100.0)
    drifting = fit_cell("a", cell_of(1) + np.linspace(0, 5, n), basis)
    assert drifting.drift.is_seen
    assert drifting.drift.change_uS == pytest.approx(5, abs=2)
    state = np.cumsum(rng.random(n) < 0.01) % 2
    telegraph = fit_cell("a", cell_of(2) + 4.0 * state, basis)
    assert telegraph.jumps.is_seen
    assert not telegraph.spectral.fits
    walk = fit_cell("a", 50 + 0.3 * rng.standard_normal(n) + 0.2 * np.cumsum(rng.standard_normal(n)), basis)
    assert walk.spectral.steepness.low > 1.3
    assert walk.slow_by_wander_uS > walk.slow.value
    rounded = fit_cell("a", np.round(cell_of(3, sigma_read=0.0)), basis)
    assert rounded.rounding_uS == 1
    assert rounded.is_rounding


def test_cells_are_pooled_and_a_conductance_matters_only_where_it_is_told():
    told, g_uS = np.ones(5, bool), np.array([10.0, 85, 134, 185, 253])
    sigma = np.array([0.15, 0.64, 0.18, 0.24, 0.10])
    five = pool(sigma, told, g_uS)
    assert (five.value_uS, five.range_uS, five.table, five.interval_uS) == (0.18, (0.10, 0.64), None, None)
    assert pool(sigma, told, g_uS, "rms").value_uS == pytest.approx(np.sqrt(np.mean(sigma**2)))
    assert pool(sigma, np.array([True, True, False, False, False]), g_uS) is None
    rng = np.random.default_rng(1)
    g_uS = np.repeat([20.0, 100.0], 8) + rng.normal(size=16)
    spread = np.exp(0.3 * rng.standard_normal(16))
    alike = pool(spread, np.ones(16, bool), g_uS)
    assert alike.table is None
    assert alike.differs_p > 0.01
    assert alike.interval_uS == (np.sort(spread)[3], np.sort(spread)[12])  # 4 of 16: P(binomial < 4) = 0.011
    other = pool(spread * np.where(g_uS > 50, 5.0, 1.0), np.ones(16, bool), g_uS)
    places, values = other.table
    assert len(places) == 4
    assert values[2:].min() > 3 * values[:2].max()


@pytest.fixture
def g_uS() -> np.ndarray:
    return np.array([cell_of(1, 100), cell_of(2, 100)])


def written(path: Path, table: np.ndarray, header: str, sep: str = ",") -> Path:
    np.savetxt(path, table, delimiter=sep, header=header, comments="", fmt="%.10g")
    return path


def test_a_series_is_the_same_in_columns_and_rows_as_conductance_resistance_and_current(tmp_path, g_uS):
    time_s = 5 + np.arange(100) / 100
    columns = written(tmp_path / "c.csv", np.c_[time_s, g_uS.T], "time_s,a_uS,b (uS)")
    read = read_series(columns, Layout())
    assert (read.names, read.rate_Hz) == (("a", "b"), pytest.approx(100))
    np.testing.assert_allclose(read.g_uS, g_uS, rtol=1e-9)
    assert "2 cells, a column each, of 100 samples, in uS" in read.said[1]
    ohms = written(tmp_path / "r.csv", 1e3 / g_uS.T, "a_kOhm;b_kOhm", ";")
    np.testing.assert_allclose(read_series(ohms, Layout(100.0)).g_uS, g_uS, rtol=1e-9)
    currents = written(tmp_path / "i.csv", 100 * g_uS.T, "cell_A,cell_B")
    read = read_series(currents, Layout(100.0, "nA", v_read_V=0.1))
    assert read.names == ("cell_A", "cell_B")  # an ending is no unit where another is given
    np.testing.assert_allclose(read.g_uS, g_uS, rtol=1e-9)
    lines = "\n".join("\t".join([name, "0", *map(repr, row.tolist())]) for name, row in zip("xy", g_uS, strict=True))
    rows = tmp_path / "rows.tsv.gz"
    rows.write_bytes(gzip.compress(lines.encode()))
    for layout, columns_ in ((Layout(100.0, "uS", True, 2), None), (Layout(100.0, None, True), "cell,_,g_uS...")):
        read = read_series(rows, layout, parse_reading(columns=columns_))
        assert read.names == ("x", "y")
        np.testing.assert_array_equal(read.g_uS, g_uS)
    (tmp_path / "titled.tsv").write_text("cell\tunused\tsamples\n" + lines)
    assert "line 1 has no number" in read_series(tmp_path / "titled.tsv", Layout(100.0, "uS", True, 2)).said[1]


@pytest.mark.parametrize(
    ("layout", "header", "sentence"),
    [
        (Layout(unit="uS"), "a,b", "has no column of times, expected --rate"),
        (Layout(100.0), "a,b", '"a" has no unit, expected --unit'),
        (Layout(100.0), "a_uS,b", '"b" has no unit'),
        (Layout(100.0), "a_nA,b_nA", "expected --v-read"),
        (Layout(100.0, v_read_V=0.1), "a_uS,b_uS", "--v-read has no effect without currents"),
        (Layout(100.0, "nS"), "a (uS),b (uS)", '"a (uS)" says uS, but --unit says nS'),
        (Layout(100.0), "a_V,b_V", '"a_V" is in V, a unit of voltage'),
        (Layout(100.0, "V"), "a,b", "--unit must be one of S, mS"),
        (Layout(100.0, "uS"), "a,a", 'has the cell "a" twice'),
        (Layout(0.0, "uS"), "a,b", "--rate must be above 0"),
        (Layout(100.0, "uS"), "time,b", '"time" has no unit'),
        (Layout(100.0, "uS"), "time_s,b", "must be one step of"),
        (Layout(100.0, "uS", n_skipped=1), "a,b", "--skip has no effect without --rows"),
        (Layout(100.0, "uS", True, 1), "a,b", "`row 1` has 1 samples"),
    ],
)
def test_what_is_not_said_is_refused(tmp_path, g_uS, layout, header, sentence):
    path = written(tmp_path / "series.csv", g_uS.T, header)
    if layout.by_rows:
        sentence = sentence.replace("`row 1`", f"`{g_uS[0, 0]:.10g}`")
    with pytest.raises(InputError) as error:
        read_series(path, layout)
    assert sentence in str(error.value)


def test_times_are_checked(tmp_path, g_uS):
    time_s = np.round(np.arange(100) / 400, 3)  # 2.5 ms apart, rounded to 1 ms
    path = written(tmp_path / "a.csv", np.c_[time_s, g_uS.T], "time_s,a_uS,b_uS")
    assert read_series(path, Layout(400.0)).rate_Hz == 400
    with pytest.raises(InputError, match=r"403\.2 samples per second by its times, but --rate says 100"):
        read_series(written(tmp_path / "b.csv", np.c_[time_s / 1.01, g_uS.T], "time_s,a_uS,b_uS"), Layout(100.0))
    gap = np.arange(100) / 400 + np.where(np.arange(100) > 60, 1 / 400, 0)
    with pytest.raises(InputError, match=r"line 63: .* must be one step of"):
        read_series(written(tmp_path / "c.csv", np.c_[gap, g_uS.T], "time_s,a_uS,b_uS"), Layout())


@pytest.mark.parametrize(
    ("at", "cell", "unit", "sentence"),
    [
        (7, "", "uS", "line 9: `a` is empty"),
        (7, "nan", "uS", "line 9: `a` must be finite"),
        (7, "1_0", "uS", 'line 9: `a` must be a number, but is "1_0"'),
        (7, "0", "kOhm", "line 9: `a` must be above 0 kOhm"),
        (7, "1e12", "uS", "line 9: `a` must be at most 1e+09 µS"),
        (7, "1,2", "uS", "line 9: has 3 cells, expected 2"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path, at, cell, unit, sentence):
    cells = [f"{value:.6g},2.{i}" for i, value in enumerate(cell_of(1, 100))]
    cells[at] = f"{cell},3"
    path = tmp_path / "series.csv"
    path.write_text("a,b\n" + "\n".join(cells) + "\n")
    with pytest.raises(InputError) as error:
        read_series(path, Layout(100.0, unit))
    assert sentence in str(error.value)


def test_a_cell_that_does_not_vary_and_a_short_series_are_refused(tmp_path, g_uS):
    path = written(tmp_path / "a.csv", np.c_[g_uS[0], np.full(100, 3.0)], "a_uS,b_uS")
    with pytest.raises(InputError, match="`b` is the same in all samples"):
        read_series(path, Layout(100.0))
    with pytest.raises(InputError, match="`a_uS` has 63 samples, expected at least 64; --rows"):
        read_series(written(tmp_path / "b.csv", g_uS[:, :63].T, "a_uS,b_uS"), Layout(100.0))


def test_slow_sampling_has_no_duration_that_a_file_could_hold(tmp_path, g_uS):
    path = written(tmp_path / "a.csv", g_uS.T, "a_uS,b_uS")
    tables = tomllib.loads(fragment_toml(fit_noise(path, Layout(0.1)), "fast"))
    assert "t_read_ns" not in tables
    assert "10 s" in tables["sigma_read_uS"]["source"]
    assert tomllib.loads(fragment_toml(fit_noise(path, Layout(100.0), t_read_s=1e-3)))["t_read_ns"]["value"] == 1e6
    with pytest.raises(InputError, match="--t-read must be above 0 and at most"):
        fit_noise(path, Layout(100.0), t_read_s=0.011)


def test_five_cells_of_a_real_technology():
    if not TECH_A.exists():
        pytest.skip(f"needs the public series {TECH_A.name}; RAMPJAX_SHARED says where they are")
    fit = fit_noise(TECH_A, Layout(400.0, "S", True, 2))
    cells = fit.cells
    np.testing.assert_allclose([cell.mean_uS for cell in cells], [9.5, 85, 134, 185, 253], rtol=4e-3)
    next_, quarter, whole = ([cell.wander[i] for cell in cells] for i in (0, 1, -1))
    assert (next_[0].duration_s, quarter[0].duration_s, whole[0].duration_s) == (0.005, 0.25, 250)
    # The figures that were taken by hand, to their two digits.
    assert [round(one.rms_uS, 2) for one in whole] == [0.86, 10.19, 2.25, 2.53, 0.52]
    np.testing.assert_allclose([one.mean_uS for one in quarter], [0.31, 1.08, 0.41, 0.54, 0.34], atol=0.005)
    np.testing.assert_allclose([one.rms_uS for one in next_], [0.22, 0.62, 0.30, 0.31, 0.29], atol=0.005)
    slopes = [-cell.spectral.steepness.value for cell in cells]
    np.testing.assert_allclose(slopes, [-0.80, -1.08, -1.26, -1.58, -1.03], atol=0.02)
    assert [cell.spectral.fits for cell in cells] == [False] * 4 + [True]
    assert all(0.15 < cell.read.value < 0.3 for cell in cells if cell.read.is_told)
    assert (fit.read.n_told, fit.slow.n_told, fit.slow.table) == (4, 5, None)
