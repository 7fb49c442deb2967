import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rampjax.target.functions import FUNCTIONS, as_function, table_function
from rampjax.target.spline import SplineTable, build_spline, evaluate_spline
from rampjax.target.target import Target, make_target

evaluate = jax.jit(evaluate_spline)
slopes = jax.jit(jax.vmap(jax.grad(evaluate_spline, argnums=1), in_axes=(None, 0)))


def probes(target: Target, table: SplineTable) -> np.ndarray:
    """Float32 inputs at and between the thresholds, all over the range and outside; ever as many, to compile once."""
    t = target.thresholds
    even = np.linspace(np.float64(table.x_lo), np.float64(table.x_hi), 4001)
    x = np.concatenate(([-1e9, 1e9], even, t, 0.5 * (t[1:] + t[:-1])))
    return np.resize(x, 16_000).astype(np.float32)


def errors_lsb(target: Target, table: SplineTable) -> tuple[float, float]:
    """Largest error of the table evaluated in float64 and in float32."""
    x = probes(target, table)
    truth = exact(target, table, x.astype(np.float64))
    with jax.enable_x64(True):
        double = np.asarray(evaluate(table, jnp.asarray(x, jnp.float64)))
    assert double.dtype == np.float64
    single = evaluate(table, jnp.asarray(x))
    assert single.dtype == jnp.float32
    return np.abs(double - truth).max(), np.abs(np.asarray(single, np.float64) - truth).max()


def exact(target: Target, table: SplineTable, x: np.ndarray) -> np.ndarray:
    inside = np.clip(x, np.float64(table.x_lo), np.float64(table.x_hi))
    return (target.function.evaluate(inside) - target.y_lo) / target.lsb


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize("bits", [5, 12])
def test_named_functions_are_met_far_below_an_lsb(name, bits):
    target = make_target(FUNCTIONS[name], bits)
    table = build_spline(target)
    double, single = errors_lsb(target, table)
    assert double < 2e-6
    assert single < 1e-7 * 2**bits


def test_smooth_functions_share_one_compiled_kernel():
    traces = []

    @jax.jit
    def traced(table, x):
        traces.append(1)
        return evaluate_spline(table, x)

    for name in sorted(FUNCTIONS):
        for bits in (4, 12):
            traced(build_spline(make_target(FUNCTIONS[name], bits)), jnp.zeros(3))
    assert len(traces) == 1


def jagged_table(rng: np.random.Generator, power: float):
    x = np.sort(rng.uniform(0.0, 1.0, 1000)) ** power
    return table_function("jagged", x, np.cumsum(rng.uniform(0.1, 2.0, 1000)))


@pytest.mark.parametrize("power", [1.0, 3.0])
def test_a_jagged_table_of_1000_points(power):
    target = make_target(jagged_table(np.random.default_rng(1), power), 10)
    table = build_spline(target)
    double, single = errors_lsb(target, table)
    assert double < 1e-4
    assert single < 0.01


@pytest.mark.parametrize(
    ("spec", "x_range"),
    [
        ("abs(x - 0.3)", None),
        ("maximum(x, 0.5*x - 0.1234)", None),
        ("where(x < 0.7, x, 0.7 + 2*(x - 0.7))", None),
        ("abs(sin(3*x))", None),
        ("sqrt(abs(x))", None),
        ("cbrt(x)", None),
        ("tanh(1000*(x - 0.2))", None),
        ("x*exp(-x)", (0.0, 1e6)),
        ("log", (1e-6, 1e6)),
        ("gelu", (-np.inf, 4.0)),
        ("arcsin(x/4)", None),
    ],
)
def test_kinks_and_singularities_of_expressions_are_found(spec, x_range):
    target = make_target(as_function(spec), 12, x_range=x_range)
    table = build_spline(target)
    assert errors_lsb(target, table)[0] < 2e-4


def test_saturated_ends_lie_at_the_limits():
    target = make_target(FUNCTIONS["softsign"], 16)
    y = evaluate(build_spline(target), jnp.array([-jnp.inf, -1e30, 0.0, 1e30, jnp.inf]))
    np.testing.assert_allclose(y, [0.0, 0.0, 2**15, 2**16, 2**16], atol=0.01)


def test_nan_stays_nan():
    y = evaluate(build_spline(make_target(FUNCTIONS["tanh"], 5)), jnp.array([jnp.nan, 0.0]))
    np.testing.assert_allclose(y, [np.nan, 16.0], rtol=1e-6)


def test_jit_equals_eager_and_vmap_equals_a_loop():
    table = jax.tree.map(jnp.asarray, build_spline(make_target(FUNCTIONS["gelu"], 6)))
    x = jnp.linspace(-5.0, 5.0, 24).reshape(4, 6)
    eager = evaluate_spline(table, x)
    np.testing.assert_allclose(jax.jit(evaluate_spline)(table, x), eager, rtol=1e-6, atol=1e-5)
    rows = jax.jit(jax.vmap(evaluate_spline, in_axes=(None, 0)))(table, x)
    np.testing.assert_allclose(rows, eager, rtol=1e-6, atol=1e-5)
    assert evaluate_spline(table, jnp.float32(0.5)).shape == ()


def test_vmap_over_tables():
    tables = [build_spline(make_target(FUNCTIONS[name], 6)) for name in ("tanh", "relu", "sin")]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *tables)
    x = jnp.linspace(-2.0, 2.0, 9)
    together = jax.jit(jax.vmap(evaluate_spline, in_axes=(0, None)))(stacked, x)
    for row, table in zip(together, tables, strict=True):
        np.testing.assert_allclose(row, evaluate(table, x), rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", ["sigmoid", "gelu", "softsign", "square", "log"])
def test_gradient_against_finite_differences(name):
    target = make_target(FUNCTIONS[name], 8)
    table = build_spline(target)
    x = np.linspace(0.3, 1.9, 17)
    slope = slopes(table, jnp.asarray(x, jnp.float32))
    step = 1e-5
    expected = (target.function.evaluate(x + step) - target.function.evaluate(x - step)) / (2 * step * target.lsb)
    np.testing.assert_allclose(slope, expected, rtol=1e-4)


def test_gradient_is_zero_outside_the_range():
    table = build_spline(make_target(FUNCTIONS["square"], 5))
    np.testing.assert_array_equal(slopes(table, jnp.array([-3.0, 3.0])), 0.0)


def test_fewer_buckets_still_meet_the_tolerance():
    target = make_target(FUNCTIONS["sigmoid"], 10)
    table = build_spline(target, n_bucket=64)
    assert errors_lsb(target, table)[0] < 2e-4
