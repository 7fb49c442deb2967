"""Measures over input distributions and non-uniform levels, against brute force over inputs and finite differences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from rampjax import metrics
from rampjax.checks import InputError
from rampjax.target.arrays import TargetArrays, ideal_rmse_lsb, stack_targets, target_arrays
from rampjax.target.functions import as_function, table_function
from rampjax.target.inputs import parse_inputs, sample_inputs
from rampjax.target.target import make_target

RECORDED = np.clip(np.random.default_rng(1).normal(0.2, 1.3, 20_000), -2.5, 2.5)  # clamped: piles up at both ends
FUNCTIONS = ("tanh", "-x", "gelu", "sin", "relu", "table")
TABLE = table_function("table", np.linspace(-3, 3, 13), [0, 1, 0.5, 2, 2.5, 4, 3, 5, 6, 5.5, 7, 6.5, 8])

rmse_both_ways = jax.jit(
    lambda x, target: (metrics.rmse_lsb(metrics.realise(x, target), target), metrics.mse_lsb2(x, target))
)


def make(function="tanh", bits=4, levels="midrise", inputs="output", x_range=None):
    distribution = sample_inputs(RECORDED, "recorded") if inputs == "samples" else parse_inputs(inputs)
    g = TABLE if function == "table" else as_function(function)
    target = make_target(g, bits, levels, x_range, distribution)
    return target, target_arrays(target)


def padded(x, arrays):
    x = np.asarray(x)
    return jnp.asarray(np.pad(x, (0, len(arrays.valid) - len(x)), mode="edge"), arrays.thresholds.dtype)


def moved(target, rng, amount):
    x = np.sort(target.thresholds + amount * rng.standard_normal(len(target.thresholds)) * np.ptp(target.thresholds))
    return x.astype(np.float32).astype(float)


def weighted_inputs(target, n=200_000):
    """Dense inputs on the range, with the weights of their distribution; what lies beyond counts at the ends."""
    x_lo, x_hi = max(target.x_lo, -40.0), min(target.x_hi, 40.0)
    if target.inputs is None:
        edges = np.linspace(x_lo, x_hi, n + 1)
        return 0.5 * (edges[1:] + edges[:-1]), np.abs(np.diff(target.function.evaluate(edges)))
    low, high = target.inputs.support
    edges = np.linspace(low, high, n + 1)
    x = 0.5 * (edges[1:] + edges[:-1])
    weights = target.inputs.pdf(x) * (high - low) / n
    at, share = np.array([*target.inputs.atoms, (0.0, 0.0)]).T
    return np.clip(np.append(x, at), x_lo, x_hi), np.append(weights, share)


def errors(target, x, thresholds):
    code = np.searchsorted(thresholds, x, side="right")
    return (target.outputs[code] - target.function.evaluate(x)) / target.lsb


CASES = [(function, "midrise", inputs) for function in FUNCTIONS for inputs in ("normal:0.3:1", "samples")]
CASES += [("gelu", "midrise", "uniform:-1:2"), ("relu", "bs_kmq", "samples"), ("sin", "optimal", "uniform:-1:2")]
CASES += [("tanh", levels, inputs) for levels in ("optimal", "bs_kmq") for inputs in ("output", "samples")]


@pytest.mark.parametrize(("function", "levels", "inputs"), CASES)
def test_rmse_agrees_with_brute_force(function, levels, inputs):
    target, arrays = make(function, 4, levels, inputs)
    x, weights = weighted_inputs(target)
    rng = np.random.default_rng(2)
    # By 3 LSB, across corners of a table or peaks of samples, quadrature is less exact.
    for amount, tolerance in ((0.0, 1e-3), (0.03, 1e-3), (0.2, 3e-3)):
        thresholds = moved(target, rng, amount)
        expected = np.sqrt(np.average(errors(target, x, thresholds) ** 2, weights=weights))
        got, square = rmse_both_ways(padded(thresholds, arrays), arrays)
        assert float(got) == pytest.approx(expected, rel=tolerance)
        assert float(square) == pytest.approx(float(got) ** 2, rel=1e-6)
    assert ideal_rmse_lsb(target) == pytest.approx(float(arrays.ideal_rmse_lsb), rel=1e-6)


@pytest.mark.parametrize("inputs", ["normal:0.3:1", "uniform:-1:2"])
def test_rmse_agrees_with_nodes_of_the_density(inputs):
    target, arrays = make("gelu", 5, "midrise", inputs)
    low, high = target.inputs.support
    nodes, weights = metrics.density_nodes(target.inputs.pdf, low, high, 400_000)
    x = padded(moved(target, np.random.default_rng(3), 0.02), arrays)
    # In pieces: 400 000 inputs against all thresholds at once take too much memory.
    parts = [
        float(metrics.rmse_over_inputs_lsb(x, arrays, jnp.asarray(n), jnp.asarray(w))) ** 2 * w.sum()
        for n, w in zip(np.split(nodes, 40), np.split(weights, 40), strict=True)
        if w.sum() > 0
    ]
    got, _ = rmse_both_ways(x, arrays)
    assert float(got) == pytest.approx(np.sqrt(np.sum(parts) / weights.sum()), rel=1e-3)


@pytest.mark.parametrize("levels", ["midrise", "optimal"])
@pytest.mark.parametrize("kind", ["normal", "clamped", "laplace", "two modes"])
def test_smoothed_samples_have_the_rmse_of_the_raw_ones(kind, levels):
    rng = np.random.default_rng(4)
    samples = {
        "normal": rng.normal(0.5, 1.0, 20_000),
        "clamped": RECORDED,
        "laplace": rng.laplace(0.0, 0.7, 20_000),
        "two modes": np.concatenate([rng.normal(-2.0, 0.3, 10_000), rng.normal(1.5, 0.6, 10_000)]),
    }[kind]
    target = make_target(as_function("tanh"), 4, levels, (-4.0, 4.0), sample_inputs(samples, kind))
    arrays = target_arrays(target)
    x = padded(target.thresholds, arrays)
    raw = metrics.rmse_over_inputs_lsb(x, arrays, jnp.asarray(samples, jnp.float32), jnp.ones(len(samples)))
    assert float(rmse_both_ways(x, arrays)[0]) == pytest.approx(float(raw), rel=0.01)


@pytest.mark.parametrize("inputs", ["output", "normal:0.3:1", "uniform:-1:2"])
@pytest.mark.parametrize(
    ("function", "levels"), [("tanh", "midrise"), ("-x", "optimal"), ("sin", "midrise"), ("gelu", "bs_kmq")]
)
def test_the_threshold_gradient_is_exact(function, levels, inputs):
    """Forward and reverse, against the formula and against finite differences in float64."""
    target, arrays = make(function, 3, levels, inputs)
    thresholds = moved(target, np.random.default_rng(5), 0.01)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf, arrays)
        x = padded(thresholds, wide)
        square = jax.jit(metrics.mse_lsb2)
        reverse = np.asarray(jax.jit(jax.grad(metrics.mse_lsb2))(x, wide))
        forward = np.asarray(jax.jit(jax.jacfwd(metrics.mse_lsb2))(x, wide))
        step = 1e-4
        k = np.arange(len(thresholds))
        both = jnp.stack([x + step * np.eye(len(x))[k], x - step * np.eye(len(x))[k]])
        values = np.asarray(jax.vmap(jax.vmap(square, (0, None)), (0, None))(both, wide))
    np.testing.assert_allclose(forward, reverse, rtol=1e-12)
    assert not reverse[len(thresholds) :].any()
    y = (target.function.evaluate(thresholds) - target.y_lo) / target.lsb
    outputs = (target.outputs - target.y_lo) / target.lsb
    if target.inputs is None:
        slope = np.diff(target.function.evaluate(np.add.outer([-1e-5, 1e-5], thresholds)), axis=0)[0] / 2e-5
        density = np.abs(slope) / np.abs(np.diff(target.branch_y)).sum()
    else:
        density = target.inputs.pdf(thresholds)
    exact = density * ((y - outputs[:-1]) ** 2 - (y - outputs[1:]) ** 2)
    scale = np.abs(exact).max()
    np.testing.assert_allclose(reverse[: len(thresholds)], exact, atol=2e-3 * scale)
    np.testing.assert_allclose((values[0] - values[1]) / (2 * step), reverse[: len(thresholds)], atol=3e-3 * scale)


@pytest.mark.parametrize("inputs", ["output", "normal:0.3:1"])
def test_nothing_is_nan_without_noise(inputs):
    target, arrays = make("tanh", 4, "midrise", inputs)
    x = padded(target.thresholds, arrays)

    def measures(x, sigma):
        chip = metrics.realise(x, arrays, sigma)
        return jnp.stack([getattr(metrics, name)(chip, arrays) for name in ("noise_rms_lsb", "total_rmse_lsb")])

    values, slopes = jax.jit(lambda x, s: (measures(x, s), jax.jacrev(measures, (0, 1))(x, s)))(x, jnp.zeros_like(x))
    assert float(values[0]) == 0.0
    assert all(np.isfinite(np.asarray(slope)).all() for slope in slopes)
    noisy = jax.jit(jax.jacrev(measures, (0, 1)))(x, jnp.full_like(x, 0.05))
    assert np.abs(np.asarray(noisy[1])[1]).max() > 0.0


@pytest.mark.parametrize(
    ("levels", "inputs"), [("optimal", "output"), ("midrise", "normal:0.3:1"), ("optimal", "samples")]
)
def test_noise_measures_agree_with_thresholds_drawn_one_at_a_time(levels, inputs):
    """Monte Carlo over noise and inputs, so small that thresholds keep their order."""
    target, arrays = make("tanh", 3, levels, inputs)
    sigma = 0.15 * float(np.diff(target.thresholds).min())
    rng = np.random.default_rng(6)
    x, weights = weighted_inputs(target, 20_000)
    thresholds = target.thresholds + 0.3 * sigma * rng.standard_normal(len(target.thresholds))
    still = np.searchsorted(thresholds, x, side="right")
    square, wrong = [], []
    for _ in range(300):
        drawn = thresholds + sigma * rng.standard_normal(len(thresholds))
        code = np.searchsorted(drawn, x, side="right")
        square.append(
            np.average(((target.outputs[code] - target.function.evaluate(x)) / target.lsb) ** 2, weights=weights)
        )
        wrong.append(np.average(code != still, weights=weights))
    xs, sigmas = padded(thresholds, arrays), jnp.full(len(arrays.valid), np.float32(sigma))
    chip = metrics.realise(xs, arrays, sigmas)
    assert float(metrics.total_rmse_lsb(chip, arrays)) == pytest.approx(np.sqrt(np.mean(square)), rel=5e-3)
    assert float(metrics.mean_code_error_probability(xs, sigmas, arrays)) == pytest.approx(np.mean(wrong), rel=0.06)
    # Around the ideal thresholds all that noise adds is the noise.
    ideal = metrics.realise(padded(target.thresholds, arrays), arrays, sigmas)
    noise2 = float(metrics.total_rmse_lsb(ideal, arrays)) ** 2 - float(metrics.rmse_lsb(ideal, arrays)) ** 2
    assert float(metrics.noise_rms_lsb(ideal, arrays)) ** 2 == pytest.approx(noise2, rel=0.02)


def test_noise_follows_the_inputs():
    """Identity, uniform inputs, uniform levels: noise of the input, on the share of inputs that has thresholds."""
    target, arrays = make("x", 5, "midrise", "uniform:-1:1", (-4.0, 4.0))
    sigma = 0.2 * target.lsb
    chip = metrics.realise(padded(target.thresholds, arrays), arrays, jnp.full(len(arrays.valid), np.float32(sigma)))
    inside = np.sum(np.abs(target.thresholds) < 1 - 1e-9) + 1  # half of the noise at either edge is outside
    assert float(metrics.noise_rms_lsb(chip, arrays)) == pytest.approx(0.2 * np.sqrt(inside * target.lsb / 2), rel=1e-3)


@pytest.mark.parametrize("inputs", ["output", "normal:0.3:1", "samples"])
def test_metastability_and_lost_codes_agree_with_brute_force(inputs):
    target, arrays = make("gelu", 4, "optimal", inputs)
    x, weights = weighted_inputs(target)
    half = 0.2 * float(np.diff(target.thresholds).min())
    near = np.abs(x[:, None] - target.thresholds).min(axis=1) < half
    got = metrics.metastable_probability(padded(target.thresholds, arrays), jnp.float32(half), arrays)
    assert float(got) == pytest.approx(np.average(near, weights=weights), rel=0.02)
    y = target.function.evaluate(x)
    thresholds = padded(target.thresholds, arrays)
    chip, rmse = (
        metrics.realise(thresholds, arrays),
        float(metrics.rmse_lsb(metrics.realise(thresholds, arrays), arrays)),
    )
    beside = np.abs(x[:, None] - target.thresholds).argmin(axis=1)

    def words(kind, k):
        """All codes that a latch lost at threshold k may give."""
        below, above = (int(code) for code in target.codes[k : k + 2])
        bits = [bit for bit in range(target.bits) if (below ^ above) >> bit & 1]
        mixed = [
            (below & above) | sum(1 << bit for bit, up in zip(bits, ups, strict=True) if up)
            for ups in itertools.product([0, 1], repeat=len(bits))
        ]
        return {"neighbour": [below, above], "mixture": mixed, "random": range(len(target.level_outputs))}[kind]

    def square(kind):
        """Of what lost latches give, over all inputs, LSB²."""
        each = np.empty(len(y))
        for k in np.unique(beside):
            at = beside == k
            each[at] = np.mean((target.level_outputs[words(kind, k)] - y[at, None]) ** 2, axis=1)
        return np.average(np.where(near, each, 0.0), weights=weights) / target.lsb**2

    for kind in ("neighbour", "mixture", "random"):
        lost = metrics.lost_decisions(kind, thresholds, jnp.float32(half), arrays)
        kept = 1 - float(lost.share) if kind == "random" else 1.0
        beyond = square(kind) if kind == "random" else square(kind) - square("neighbour")
        assert float(lost.added_lsb2) == pytest.approx(beyond, rel=0.02, abs=1e-6)
        total = np.sqrt(kept * rmse**2 + float(lost.added_lsb2))
        assert float(metrics.total_rmse_lsb(chip, arrays, lost)) == pytest.approx(total, rel=1e-5)
        other = np.array([1 - 1 / len(words(kind, k)) for k in range(len(target.thresholds))])
        wrong = np.average(np.where(near, other[beside], 0.0), weights=weights)
        said = float(lost.added_wrong) + (0.0 if kind == "random" else 0.5 * float(lost.share))
        assert said == pytest.approx(wrong, rel=0.02)


@pytest.mark.parametrize("function", ["tanh", "-x", "softplus", "sin", "gelu"])
@pytest.mark.parametrize("levels", ["optimal", "bs_kmq"])
def test_an_ideal_ramp_has_no_error_with_levels_of_its_own(function, levels):
    target, arrays = make(function, 5, levels, "normal:0:1.2")
    chip = metrics.realise(padded(target.thresholds, arrays), arrays)
    for name in ("max_inl_lsb", "max_dnl_lsb", "max_err_lsb"):
        assert abs(float(getattr(metrics, name)(chip, arrays))) < 1e-3
    assert float(metrics.missing_codes(chip, arrays)) == 0.0


def test_worst_error_with_levels_of_its_own_equals_worst_inl_and_sees_a_lost_code():
    target, arrays = make("tanh", 4, "optimal", "normal:0:1")
    rng = np.random.default_rng(7)
    for _ in range(5):
        thresholds = moved(target, rng, 0.01)
        chip = metrics.realise(padded(thresholds, arrays), arrays)
        assert float(metrics.max_err_lsb(chip, arrays)) == pytest.approx(
            float(metrics.max_inl_lsb(chip, arrays)), abs=2e-3
        )
    thresholds = target.thresholds.copy()
    thresholds[6] = thresholds[5]
    chip = metrics.realise(padded(thresholds, arrays), arrays)
    assert float(metrics.missing_codes(chip, arrays)) == 1.0
    gap = (target.boundaries[6] - target.boundaries[5]) / target.lsb
    assert float(metrics.max_err_lsb(chip, arrays)) == pytest.approx(gap, rel=1e-2)


OF_A_CHIP = (
    *("max_inl_lsb", "max_err_lsb", "max_dnl_lsb", "rmse_lsb", "noise_rms_lsb", "total_rmse_lsb", "missing_codes"),
)


def all_measures(x, sigma, target: TargetArrays):
    chip = metrics.realise(x, target, sigma)
    values = [getattr(metrics, name)(chip, target) for name in OF_A_CHIP]
    lost = metrics.lost_decisions("mixture", x, jnp.float32(0.02), target)
    values.append(metrics.total_rmse_lsb(chip, target, lost))
    values.append(metrics.mean_code_error_probability(x, sigma, target, 0.1 * sigma, lost))
    values.append(metrics.metastable_probability(x, jnp.float32(0.01), target))
    values.append(metrics.enob(values[5], target.n_codes))
    return jnp.stack(values)


@pytest.mark.parametrize("inputs", ["output", "normal:0.3:1"])
def test_a_stack_of_targets_measures_as_each_alone(inputs):
    cases = [("tanh", 3, "midrise"), ("sin", 5, "midrise"), ("table", 4, "optimal")]
    targets = [make(*case, inputs) for case in cases]
    stacked = stack_targets([arrays for _, arrays in targets])
    length = stacked.valid.shape[1]
    rng = np.random.default_rng(8)
    thresholds = [moved(target, rng, 0.01) for target, _ in targets]
    wide = jnp.stack([jnp.asarray(np.pad(x, (0, length - len(x)), mode="edge"), jnp.float32) for x in thresholds])
    together = jax.jit(jax.vmap(all_measures))(wide, jnp.full(wide.shape, jnp.float32(0.02)), stacked)
    one = jax.jit(all_measures)
    for x, (_, arrays), got in zip(thresholds, targets, together, strict=True):
        alone = one(padded(x, arrays), jnp.full(len(arrays.valid), jnp.float32(0.02)), arrays)
        np.testing.assert_allclose(got, alone, rtol=2e-5, atol=2e-6)


def test_stacks_must_agree_on_having_inputs():
    with pytest.raises(InputError, match="all have an input distribution"):
        stack_targets([make("tanh")[1], make("tanh", inputs="normal:0:1")[1]])
    with pytest.raises(InputError, match="at least one"):
        stack_targets([])


def test_inputs_beyond_the_range_count_at_its_ends():
    target, arrays = make("x", 3, "midrise", "normal:0:3", (-1.0, 1.0))
    beyond = scipy.stats.norm(0, 3).cdf(-1.0)
    np.testing.assert_allclose(np.asarray(arrays.inputs.atom_share)[:2], beyond, rtol=1e-5)
    expected = (2 * beyond * 0.25 + (1 - 2 * beyond) / 12) ** 0.5
    assert float(arrays.ideal_rmse_lsb) == pytest.approx(expected, rel=2e-3)
    far = jnp.asarray([-50.0, 50.0], jnp.float32)
    ones = jnp.ones(2)
    got = metrics.rmse_over_inputs_lsb(padded(target.thresholds, arrays), arrays, far, ones)
    assert float(got) == pytest.approx(0.5, rel=1e-5)
