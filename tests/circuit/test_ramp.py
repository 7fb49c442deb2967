import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rampjax.circuit.ramp import RampParams, cumulative_sum, ramp_deviation_V


@pytest.mark.parametrize("n", [1, 7, 32, 33, 300, 1030])
def test_cumulative_sum_agrees_with_numpy(n):
    a = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    expected = np.cumsum(a.astype(np.float64))
    np.testing.assert_allclose(jax.jit(cumulative_sum)(a), expected, atol=2e-6 * np.abs(a).sum())


def test_a_deviation_is_excess_charge_over_capacitance():
    g_uS, target_uS, t_ns = np.array([10.0, 20.0, 5.0]), np.array([9.0, 20.0, 7.0]), np.array([1.0, 0.5, 2.0])
    ramp = RampParams(*(jnp.asarray(v, jnp.float32) for v in (0.2, 100.0, t_ns)))
    # 1 µS * 0.2 V * 1 ns = 0.2 fC too much; over 100 fF: 2 mV; the last step lacks 0.8 fC: -8 mV
    got = ramp_deviation_V(ramp, jnp.asarray(g_uS, jnp.float32), jnp.asarray(target_uS, jnp.float32))
    np.testing.assert_allclose(got, [0.0, 0.002, 0.002, -0.006], rtol=1e-5)


def test_cumulative_sum_is_differentiable():
    a = jnp.arange(1.0, 71.0)
    gradient = jax.grad(lambda a: cumulative_sum(a)[40])(a)
    np.testing.assert_array_equal(gradient, (np.arange(70) <= 40).astype(np.float32))


@pytest.mark.parametrize("n", [1, 31, 32, 33, 64, 1023, 1025])
def test_cumulative_sum_of_ones_counts_exactly(n):
    np.testing.assert_array_equal(cumulative_sum(jnp.ones(n)), np.arange(1, n + 1))
