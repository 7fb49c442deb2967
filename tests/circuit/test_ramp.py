import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rampjax.circuit.ramp import RampParams, cumulative_sum, ramp_levels_V


@given(st.integers(1, 1500), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_cumulative_sum_agrees_with_numpy(n, seed):
    a = np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    expected = np.cumsum(a.astype(np.float64))
    np.testing.assert_allclose(cumulative_sum(jnp.asarray(a)), expected, atol=2e-6 * np.abs(a).sum())


def test_ramp_is_start_plus_charge_over_capacitance():
    g_uS, t_ns = np.array([10.0, 20.0, 5.0]), np.array([1.0, 0.5, 2.0])
    ramp = RampParams(*(jnp.asarray(v, jnp.float32) for v in (-0.25, 0.2, 100.0, t_ns)))
    # 10 µS * 0.2 V * 1 ns = 2 fC; over 100 fF: 20 mV
    expected = -0.25 + np.array([0.0, 0.02, 0.04, 0.06])
    np.testing.assert_allclose(ramp_levels_V(ramp, jnp.asarray(g_uS, jnp.float32)), expected, rtol=1e-6)


def test_cumulative_sum_is_differentiable():
    a = jnp.arange(1.0, 71.0)
    gradient = jax.grad(lambda a: cumulative_sum(a)[40])(a)
    np.testing.assert_array_equal(gradient, (np.arange(70) <= 40).astype(np.float32))


@pytest.mark.parametrize("n", [1, 31, 32, 33, 64, 1023, 1025])
def test_cumulative_sum_of_ones_counts_exactly(n):
    np.testing.assert_array_equal(cumulative_sum(jnp.ones(n)), np.arange(1, n + 1))
