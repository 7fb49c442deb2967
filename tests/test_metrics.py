"""Measures against closed forms, brute force over inputs, and Monte Carlo over noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from twin import Twin

import rampjax as rj
from rampjax import metrics
from rampjax.target.arrays import ideal_rmse_lsb, target_arrays

OF_A_CHIP = (
    "max_inl_lsb",
    "max_err_lsb",
    "max_dnl_lsb",
    "rmse_lsb",
    "noise_rms_lsb",
    "total_rmse_lsb",
    "missing_codes",
)
FUNCTIONS = ("sigmoid", "tanh", "softplus", "gelu", "silu", "sin", "square", "log", "relu", "exp")
measure = jax.jit(
    lambda x, target, sigma_x: {
        name: getattr(metrics, name)(metrics.realise(x, target, sigma_x), target) for name in OF_A_CHIP
    }
)


def make(function="sigmoid", bits=5, levels="midrise", x_range=None):
    target = rj.make_target(rj.as_function(function), bits, levels, x_range)
    return target, jax.tree.map(jnp.asarray, target_arrays(target))


def padded(x, arrays):
    x = np.asarray(x, np.float32)
    return jnp.asarray(np.pad(x, (0, len(arrays.valid) - len(x)), mode="edge"))


def measures(x, arrays, sigma_x=0.0):
    values = measure(padded(x, arrays), arrays, jnp.broadcast_to(jnp.float32(sigma_x), arrays.valid.shape))
    return {name: float(value) for name, value in values.items()}


CASES = [(f, levels) for f in FUNCTIONS for levels in ("midrise", "endpoint")]
CASES += [(f, "zero") for f in ("tanh", "gelu", "silu", "sin", "square", "relu")]  # 0 must be an output


@pytest.mark.parametrize(("function", "levels"), CASES)
def test_an_ideal_ramp_has_no_error(function, levels):
    target, arrays = make(function, 5, levels)
    got = measures(target.thresholds, arrays)
    assert got["max_inl_lsb"] < 2e-4
    assert got["max_dnl_lsb"] < 4e-4
    assert got["max_err_lsb"] < 2e-4
    assert got["missing_codes"] == 0
    assert got["noise_rms_lsb"] == 0
    assert got["rmse_lsb"] == pytest.approx(ideal_rmse_lsb(target), rel=1e-4)
    assert got["total_rmse_lsb"] == pytest.approx(got["rmse_lsb"], rel=1e-6)


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_ideal_rmse_of_a_monotone_function_is_one_over_root_twelve(bits):
    assert ideal_rmse_lsb(make("tanh", bits)[0]) == pytest.approx(1 / np.sqrt(12), rel=1e-12)


def test_a_shifted_threshold_is_a_known_pair_of_dnl():
    target, arrays = make("identity", 4)
    x = target.thresholds.copy()
    x[6] += 0.3 * target.lsb
    chip = metrics.realise(padded(x, arrays), arrays)
    dnl = np.asarray(metrics.dnl_lsb(chip, arrays))
    np.testing.assert_allclose(dnl[[5, 6]], [0.3, -0.3], atol=1e-4)
    np.testing.assert_allclose(np.delete(dnl, [5, 6]), 0.0, atol=1e-4)
    inl = np.asarray(metrics.inl_lsb(chip, arrays))
    assert inl[6] == pytest.approx(0.3, abs=1e-4)
    np.testing.assert_allclose(metrics.inl_input_lsb(chip, arrays), inl, atol=1e-4)
    got = measures(x, arrays)
    assert got["max_inl_lsb"] == pytest.approx(0.3, abs=1e-4)
    # The two bins beside it carry 0.3³ and its mirror: rmse² = 1/12 + inl²/M.
    assert got["rmse_lsb"] == pytest.approx(np.sqrt(1 / 12 + 0.09 / 16), rel=1e-4)


def test_swallowing_a_bin_loses_its_code():
    target, arrays = make("identity", 4)
    x = target.thresholds.copy()
    x[7] = x[6]
    assert measures(x, arrays)["missing_codes"] == 1
    x[-2:] = 99.0  # beyond the range: the last two codes never come
    assert measures(x, arrays)["missing_codes"] == 3


def test_an_extremum_with_both_thresholds_moved_loses_a_code_that_inl_does_not_see():
    target, arrays = make("square", 4, x_range=(-2.0, 2.0))
    assert len(target.thresholds) == 30
    x = target.thresholds.copy()
    middle = len(x) // 2
    x[middle - 1], x[middle] = -1e-6, 1e-6
    got = measures(x, arrays)
    assert got["max_err_lsb"] > 0.4
    assert got["max_inl_lsb"] == pytest.approx(1.0, abs=1e-3)
    x[middle - 1] = x[middle] = 0.0
    assert measures(x, arrays)["missing_codes"] == 1


@pytest.mark.parametrize("function", ["sigmoid", "softplus", "log", "exp"])
def test_worst_error_equals_worst_inl_of_a_monotone_function(function):
    target, arrays = make(function, 5)
    rng = np.random.default_rng(1)
    for _ in range(20):
        x = np.sort(target.thresholds + 0.02 * rng.standard_normal(31) * np.ptp(target.thresholds))
        got = measures(x, arrays)
        assert got["max_err_lsb"] == pytest.approx(got["max_inl_lsb"], abs=2e-4)


def moved(target, rng, amount=0.02):
    x = np.sort(target.thresholds + amount * rng.standard_normal(len(target.thresholds)) * np.ptp(target.thresholds))
    return x.astype(np.float32).astype(float)


def brute_force(target, x, n=400_001):
    """(worst error - 1/2, rmse with density |g'|, missing codes), from a dense grid of inputs alone."""
    lo, hi = (np.clip(end, -40, 40) for end in (target.x_lo, target.x_hi))
    grid = np.linspace(lo, hi, n)
    y = (target.function.evaluate(grid) - target.y_lo) / target.lsb
    code = np.searchsorted(x, grid, side="right")
    error = (target.outputs[code] - target.y_lo) / target.lsb - y
    weight = np.abs(np.diff(y))
    rmse = np.sqrt(np.average((error[1:] ** 2 + error[:-1] ** 2) / 2, weights=weight))
    return np.abs(error).max() - 0.5, rmse, len(set(target.codes) - set(target.codes[np.unique(code)]))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("levels", ["midrise", "endpoint"])
def test_measures_agree_with_brute_force_over_inputs(function, levels):
    target, arrays = make(function, 4, levels)
    rng = np.random.default_rng(3)
    for amount in (0.003, 0.03, 0.2):
        x = moved(target, rng, amount)
        got, (worst, rmse, missing) = measures(x, arrays), brute_force(target, x)
        assert got["max_err_lsb"] == pytest.approx(worst, abs=2e-3)
        assert got["rmse_lsb"] == pytest.approx(rmse, rel=2e-3)
        assert got["missing_codes"] == missing


def test_rmse_agrees_with_the_twin_on_realised_columns():
    _, arrays = make("sigmoid", 5)
    twin = Twin(5, seed=4)
    for x in twin.column(10):
        assert measures(x, arrays)["rmse_lsb"] == pytest.approx(twin.rmse_by_grid(x), rel=1e-3)


@pytest.mark.parametrize(("name", "density"), [("uniform", np.ones_like), ("normal", scipy.stats.norm(0.5, 1.5).pdf)])
def test_rmse_over_a_density_agrees_with_quadrature(name, density):
    target, arrays = make("gelu", 5)
    x = moved(target, np.random.default_rng(5), 0.01)
    nodes, weights = metrics.density_nodes(density, target.x_lo, target.x_hi)
    got = metrics.rmse_over_inputs_lsb(padded(x, arrays), arrays, jnp.asarray(nodes), jnp.asarray(weights))
    grid = np.linspace(target.x_lo, target.x_hi, 400_001)
    error = target.outputs[np.searchsorted(x, grid, side="right")] - target.function.evaluate(grid)
    expected = np.sqrt(np.average(error**2, weights=density(grid))) / target.lsb
    assert float(got) == pytest.approx(expected, rel=5e-3), name


def test_rmse_over_samples_is_their_mean():
    target, arrays = make("tanh", 4)
    samples = np.random.default_rng(6).standard_normal(1000).astype(np.float32)
    got = metrics.rmse_over_inputs_lsb(padded(target.thresholds, arrays), arrays, jnp.asarray(samples), jnp.ones(1000))
    codes = np.searchsorted(target.thresholds, samples, side="right")
    expected = np.sqrt(np.mean((target.outputs[codes] - np.tanh(samples)) ** 2)) / target.lsb
    assert float(got) == pytest.approx(expected, rel=1e-4)


def test_a_density_needs_a_finite_range():
    with pytest.raises(rj.InputError, match="x_lo"):
        metrics.density_nodes(np.ones_like, -np.inf, 1.0)


@pytest.mark.parametrize("function", ["sigmoid", "gelu", "sin"])
def test_the_gradient_of_rmse_in_a_threshold_is_exact(function):
    """d(rmse²)/dT_k = p(T_k) [(g - y_below)² - (g - y_above)²], and finite differences agree."""
    target, arrays = make(function, 3)
    x = moved(target, np.random.default_rng(7), 0.01)

    def squared(x):
        return metrics.rmse_lsb(metrics.realise(x, arrays), arrays) ** 2

    squared = jax.jit(squared)
    gradient = np.asarray(jax.grad(squared)(padded(x, arrays)))[: len(x)]
    y = (target.function.evaluate(x) - target.y_lo) / target.lsb
    slope = (target.function.evaluate(x + 1e-5) - target.function.evaluate(x - 1e-5)) / 2e-5 / target.lsb
    outputs = (target.outputs - target.y_lo) / target.lsb
    density = np.abs(slope) / np.abs(np.diff(target.branch_y) / target.lsb).sum()
    exact = density * ((y - outputs[:-1]) ** 2 - (y - outputs[1:]) ** 2)
    np.testing.assert_allclose(gradient, exact, atol=2e-4 * np.abs(exact).max() + 1e-6)
    for k in range(len(x)):
        step = np.zeros(len(x))
        step[k] = 2e-3
        difference = float(squared(padded(x + step, arrays)) - squared(padded(x - step, arrays))) / 4e-3
        assert difference == pytest.approx(exact[k], abs=0.02 * np.abs(exact).max())


def test_noise_and_total_rmse_agree_with_conversions_one_by_one():
    """Brute force: every conversion reads every device anew, first crossing, equally likely outputs."""
    twin = Twin(5, seed=9)
    _, arrays = make("sigmoid", 5)
    g = twin.plain(1)[0]
    sigma_x = twin.sigma_read * twin.x_per_uS * np.sqrt(np.arange(31))
    chip = metrics.realise(padded(twin.thresholds(g[None])[0], arrays), arrays, padded(sigma_x, arrays))
    y = (np.arange(200_000) + 0.5) / 200_000
    error = ((twin.conversions(g, y) + 0.5) / 32 - y) * 32
    assert float(metrics.total_rmse_lsb(chip, arrays)) == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.01)
    still, noisy = (twin.inl(twin.thresholds(g[None] + sigma * twin.normal(8000))) for sigma in (0.0, twin.sigma_read))
    rms = np.sqrt(np.mean((noisy - still) ** 2, axis=0).sum() / 32)
    assert float(metrics.noise_rms_lsb(chip, arrays)) == pytest.approx(rms, rel=0.02)
    assert float(metrics.enob(metrics.total_rmse_lsb(chip, arrays), 32)) == pytest.approx(
        5 - np.log2(np.sqrt(12) * np.sqrt(np.mean(error**2))), abs=0.02
    )


@pytest.mark.parametrize("y", [0.2, 0.484, 0.5, 0.9])
def test_code_error_probability_agrees_with_conversions(y):
    twin = Twin(5, seed=10)
    _, arrays = make("sigmoid", 5)
    sigma_x = twin.sigma_read * twin.x_per_uS * np.sqrt(np.arange(31))
    x = np.log(y / (1 - y)) + 1e-4
    got = metrics.code_error_probability(jnp.float32(x), padded(twin.t, arrays), padded(sigma_x, arrays), arrays)
    codes = twin.conversions(twin.g, np.full(20_000, 1 / (1 + np.exp(-x))))
    wrong = np.mean(codes != np.searchsorted(twin.t, x, side="right"))
    assert float(got) == pytest.approx(wrong, abs=5 * np.sqrt(0.25 / 20_000))


def test_no_noise_means_no_code_errors():
    target, arrays = make("sigmoid", 5)
    x = padded(target.thresholds, arrays)
    for at in (0.05, float(x[0]), float(x[3])):
        assert float(metrics.code_error_probability(jnp.float32(at), x, jnp.zeros_like(x), arrays)) == 0.0


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
@settings(max_examples=60, deadline=None)
def test_yield_interval_is_clopper_pearson(counts, confidence):
    good, n = counts
    expected = scipy.stats.binomtest(good, n).proportion_ci(confidence, method="exact")
    low, high = metrics.yield_interval(good, n, confidence)
    np.testing.assert_allclose([low, high], [expected.low, expected.high], rtol=1e-7, atol=1e-12)


def test_yield_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(11)
    low, high = metrics.yield_interval(rng.binomial(200, 0.97, 4000), 200, 0.9)
    assert np.mean((low <= 0.97) & (high >= 0.97)) >= 0.89


def test_mean_interval_is_students():
    values = np.random.default_rng(12).standard_normal(20)
    low, high = metrics.mean_interval(values.mean(), values.std(ddof=1), 20, 0.9)
    expected = scipy.stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    np.testing.assert_allclose([low, high], [expected.low, expected.high], rtol=1e-10)
    assert metrics.mean_interval(1.0, 0.0, 1) == (-np.inf, np.inf)


@pytest.mark.parametrize("sigma_lsb", [0.05, 0.4])
def test_mean_code_error_probability_is_that_of_brute_force(sigma_lsb):
    """Mean of the probability at each input, over inputs of equally likely outputs; no threshold passes another."""
    target, arrays = make("tanh", 4)
    sigma_x = sigma_lsb * target.lsb / np.asarray(1 - np.tanh(target.thresholds) ** 2)
    x = np.arctanh(-1 + 2 * (np.arange(20_000) + 0.5) / 20_000).astype(np.float32)
    each = jax.jit(jax.vmap(metrics.code_error_probability, in_axes=(0, None, None, None)))
    thresholds = padded(target.thresholds, arrays)
    expected = float(each(jnp.asarray(x), thresholds, padded(sigma_x, arrays), arrays).mean())
    got = float(metrics.mean_code_error_probability(thresholds, padded(sigma_x, arrays), arrays))
    assert got == pytest.approx(expected, rel=0.05)
    assert float(metrics.mean_code_error_probability(thresholds, 0 * thresholds, arrays)) == 0


@pytest.mark.parametrize("function", ["sigmoid", "square", "gelu"])
def test_an_undecided_latch_gives_any_code(function):
    target, arrays = make(function, 4)
    rng = np.random.default_rng(3)
    low, high = max(target.x_lo, -12.0), min(target.x_hi, 12.0)
    x = np.linspace(low, high, 400_001)
    y = (target.function.evaluate(x) - target.y_lo) / target.lsb
    weights = np.abs(np.gradient(y))
    outputs = np.arange(16) + (target.outputs[0] - target.y_lo) / target.lsb - target.codes[0]
    chip = metrics.realise(padded(target.thresholds, arrays), arrays)
    half = 0.15 * float(np.diff(target.thresholds).min())
    near = np.abs(x[:, None] - target.thresholds).min(axis=1) < half
    square = np.where(near, (outputs[rng.integers(0, 16, len(x))] - y) ** 2, 0.0)
    lost = metrics.lost_decisions("random", padded(target.thresholds, arrays), jnp.float32(half), arrays)
    share = np.average(near, weights=weights)
    assert float(lost.share) == pytest.approx(share, rel=0.01)
    expected = (1 - share) * float(metrics.total_rmse_lsb(chip, arrays)) ** 2 + np.average(square, weights=weights)
    assert float(metrics.total_rmse_lsb(chip, arrays, lost)) == pytest.approx(np.sqrt(expected), rel=0.01)


def test_metastable_probability_is_the_share_of_outputs_beside_a_threshold():
    target, arrays = make("identity", 4)
    got = metrics.metastable_probability(padded(target.thresholds, arrays), jnp.float32(0.1 * target.lsb), arrays)
    assert float(got) == pytest.approx(15 * 0.2 / 16, rel=1e-4)
    wide = metrics.metastable_probability(padded(target.thresholds, arrays), jnp.float32(5.0), arrays)
    assert float(wide) == 1.0
