import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rampjax.circuit.device import Device, sigma_at
from rampjax.circuit.programming import STUCK_OFF, STUCK_ON, apply_health, realise_conductance, sample_health

DEVICE = Device("test", 10.0, 100.0, 0.2, (2.0, 0.03), (0.5,), bias_prog_uS=0.7)
N = 20_000


def params(device):
    return jax.tree.map(jnp.asarray, device.params())


def test_sigma_is_a_polynomial_of_the_conductance_held_at_zero():
    curve = jnp.array([1.0, -0.5, 0.25, 0.0, 0.0])
    g = np.array([0.0, 1.0, 2.0, 10.0])
    np.testing.assert_allclose(sigma_at(curve, jnp.asarray(g, jnp.float32)), 1 - 0.5 * g + 0.25 * g**2, rtol=1e-6)
    assert float(sigma_at(jnp.array([1.0, -1.0, 0.0, 0.0, 0.0]), jnp.float32(5.0))) == 0.0


@pytest.mark.parametrize("aim", [20.0, 80.0])
def test_programming_error_is_normal_with_the_devices_mean_and_sigma(aim):
    z = jax.random.normal(jax.random.key(3), (N,))
    g = realise_conductance(z, jnp.full(N, aim), params(DEVICE))
    assert stats.kstest(np.asarray(g), stats.norm(aim + 0.7, 2.0 + 0.03 * aim).cdf).pvalue > 1e-3
    # The test can fail: a sigma 5 % off is seen.
    assert stats.kstest(np.asarray(g), stats.norm(aim + 0.7, 1.05 * (2.0 + 0.03 * aim)).cdf).pvalue < 1e-3


def test_a_realised_conductance_is_clipped_at_zero_and_at_the_ceiling_only():
    device = Device("test", 0.0, 100.0, 0.2, (10.0,), g_ceiling_uS=110.0)
    z = jnp.array([-100.0, 0.5, 100.0])
    np.testing.assert_allclose(realise_conductance(z, jnp.full(3, 50.0), params(device)), [0.0, 55.0, 110.0])
    free = Device("test", 0.0, 100.0, 0.2, (10.0,))
    assert float(realise_conductance(jnp.float32(20.0), jnp.float32(50.0), params(free))) == 250.0


def test_stuck_cells_come_at_their_rates_and_keep_their_conductance():
    device = Device(
        "test", 0.0, 100.0, 0.2, (0.0,), stuck_off_prob=0.1, stuck_on_prob=0.05, g_stuck_off_uS=0.5, g_stuck_on_uS=300.0
    )
    health = sample_health(jax.random.key(5), N, params(device))
    n_off, n_on = int((health == STUCK_OFF).sum()), int((health == STUCK_ON).sum())
    assert stats.binomtest(n_off, N, 0.1).pvalue > 1e-3
    assert stats.binomtest(n_on, N, 0.05).pvalue > 1e-3
    g = np.asarray(apply_health(jnp.full(N, 42.0), health, params(device)))
    np.testing.assert_array_equal(np.unique(g), [0.5, 42.0, 300.0])
    assert (g == 0.5).sum() == n_off


def test_healthy_devices_where_nothing_is_stuck():
    assert int(sample_health(jax.random.key(5), N, params(DEVICE)).max()) == 0
