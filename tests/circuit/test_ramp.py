import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rampjax.circuit.ramp import Slots, ramp_deviation_V, sum_before


@pytest.mark.parametrize("n", [1, 7, 32, 33, 300, 1030])
def test_sum_before_agrees_with_numpy(n):
    a = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    expected = np.cumsum(a.astype(np.float64)) - a
    np.testing.assert_allclose(jax.jit(sum_before)(a), expected, atol=2e-6 * np.abs(a).sum())


def test_a_deviation_is_excess_charge_over_capacitance():
    g_uS, target_uS = jnp.array([10.0, 20.0, 5.0, 0.0]), jnp.array([9.0, 20.0, 7.0, 0.0])
    t_ns = jnp.array([1.0, 0.5, 2.0, 0.0])  # the last one is padding
    slots = Slots(target_uS, 0.2 * t_ns / 100.0)
    # 1 µS * 0.2 V * 1 ns = 0.2 fC too much; over 100 fF: 2 mV; the last step lacks 0.8 fC: -8 mV
    np.testing.assert_allclose(ramp_deviation_V(g_uS, slots), [0.0, 0.002, 0.002, -0.006], rtol=1e-5)
    # The first entry makes the start: the first threshold comes after it.
    np.testing.assert_allclose(ramp_deviation_V(g_uS, slots, n_bias=1), [0.002, 0.002, -0.006], rtol=1e-5)


def test_sum_before_is_differentiable():
    a = jnp.arange(1.0, 71.0)
    gradient = jax.grad(lambda a: sum_before(a)[40])(a)
    np.testing.assert_array_equal(gradient, (np.arange(70) < 40).astype(np.float32))


@pytest.mark.parametrize("n", [1, 31, 32, 33, 64, 1023, 1025])
def test_sum_before_of_ones_counts_exactly(n):
    np.testing.assert_array_equal(sum_before(jnp.ones(n)), np.arange(n))
