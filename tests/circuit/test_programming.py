import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import rampjax as rj
from rampjax.circuit.curves import Points
from rampjax.circuit.device import Device, sigma_at
from rampjax.circuit.programming import (
    HEALTHY,
    STUCK_OFF,
    STUCK_ON,
    ProgrammingParams,
    apply_health,
    draw_programming,
    program,
    read_sigma_uS,
    realise_conductance,
    sample_health,
)
from rampjax.circuit.quantile_params import quantile_at
from rampjax.montecarlo.chip import sample_chip

DEVICE = Device("test", 10.0, 100.0, 0.2, (2.0, 0.03), (0.5,), bias_prog_uS=0.7)
N = 20_000
PLAIN = ProgrammingParams(None, jnp.float32(0.0))


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


def test_a_mean_shift_may_depend_on_the_conductance_and_be_negative():
    z, aim = jnp.array([-1.0, 0.0, 2.0]), jnp.array([20.0, 50.0, 100.0])
    device = Device("test", 0.0, 100.0, 0.2, (2.0,), bias_prog_uS=(1.0, -0.03))
    expected = np.asarray(aim) * 0.97 + 1.0 + 2.0 * np.asarray(z)
    np.testing.assert_allclose(realise_conductance(z, aim, params(device)), expected, rtol=1e-6)
    flat = Device("test", 0.0, 100.0, 0.2, (2.0,), bias_prog_uS=(1.0,))
    one = Device("test", 0.0, 100.0, 0.2, (2.0,), bias_prog_uS=1.0)
    np.testing.assert_array_equal(*(realise_conductance(z, aim, params(each)) for each in (flat, one)))


@pytest.mark.parametrize("kind", ["skewed", "bimodal"])
def test_errors_are_distributed_as_the_quantiles_of_the_device(kind):
    rng = np.random.default_rng(7)
    two = np.where(rng.random(N) < 0.3, -1.5, 0.7) + 0.2 * rng.standard_normal(N)
    residuals = rng.gamma(2.0, size=N) if kind == "skewed" else two
    residuals = (residuals - residuals.mean()) / residuals.std()
    quantiles = np.quantile(residuals, np.linspace(0, 1, 257))
    device = Device("test", 0.0, 1000.0, 0.2, (3.0,), bias_prog_uS=0.5, error_quantiles=tuple(quantiles))
    z = jax.random.normal(jax.random.key(8), (N,))
    g = np.asarray(realise_conductance(z, jnp.full(N, 500.0), params(device)))
    assert stats.ks_2samp((g - 500.5) / 3.0, residuals).pvalue > 1e-3
    assert stats.kstest((g - 500.5) / 3.0, stats.norm.cdf).pvalue < 1e-6  # the normal that it would be without them


def test_the_ends_of_the_quantiles_are_the_extreme_errors():
    quantiles = jnp.linspace(-3.0, 5.0, 9)
    np.testing.assert_allclose(quantile_at(jnp.array([-40.0, 0.0, 40.0]), quantiles), [-3.0, 1.0, 5.0], rtol=1e-6)


def test_a_device_without_a_correlation_time_has_the_traced_parameters_that_it_had() -> None:
    plain, read = DEVICE.params(), dataclasses.replace(DEVICE, t_read_ns=10.0).params()
    assert jax.tree.structure(plain) == jax.tree.structure(read)
    white = dataclasses.replace(DEVICE, t_read_ns=10.0, tau_read_ns=0.0).params()
    assert (float(white.t_read_ns), float(white.tau_read_ns)) == (10.0, 0.0)


def test_a_device_stuck_off_has_the_read_noise_of_its_own_conductance() -> None:
    g = jnp.array([0.0, 0.2, 3.0, 0.2, 600.0])
    health = jnp.array([STUCK_OFF, STUCK_OFF, STUCK_OFF, HEALTHY, STUCK_ON], jnp.int8)
    np.testing.assert_allclose(read_sigma_uS(g, health, params(DEVICE)), [0.0, 0.2, 0.5, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(read_sigma_uS(g, None, params(DEVICE)), 0.5, rtol=1e-6)


def test_the_noise_of_a_column_adds_up_over_its_own_stuck_devices() -> None:
    """Var V_k is the sum of (v_read t / c_int)^2 min(sigma_read, g)^2 over the stuck, sigma_read^2 over the others."""
    device = rj.load_device("taox_paper", stuck_off_prob=0.4, g_stuck_off_uS=0.0)
    design = rj.design("sigmoid", 5, device=device)
    chip = sample_chip(design, seed=3, sample=1)
    stuck = chip.ramp.g_uS == 0.0
    assert 5 < stuck.sum() < 25
    gain = device.v_read_V * design.t_pulse_ns / design.c_int_fF
    variance = np.concatenate([[0.0], np.cumsum(np.where(stuck, 0.0, 3.5 * gain) ** 2)])
    np.testing.assert_allclose(chip.ramp.sigma_V, np.sqrt(variance), rtol=1e-4)


FAILING = {"failed_prob": (0.05, 0.001), "failed_bias_uS": (-10.0, -0.1), "failed_sigma_uS": (4.0, 0.05)}


def test_an_event_fails_where_its_uniform_is_below_the_share_at_its_target() -> None:
    device = dataclasses.replace(DEVICE, **FAILING)
    z, u, aim = jnp.array([1.0, 1.0, -2.0]), jnp.array([0.099, 0.101, 0.0]), jnp.array([50.0, 50.0, 80.0])
    expected = [50 - 15.0 + 6.5, 50 + 0.7 + 3.5, 80 - 18.0 - 2 * 8.0]
    np.testing.assert_allclose(realise_conductance(z, aim, params(device), u), expected, rtol=1e-6)


def test_moments_of_a_mixture() -> None:
    """Mean p m_f + (1 - p) m, variance p (s_f^2 + m_f^2) + (1 - p)(s^2 + m^2) less the mean squared."""
    device = params(dataclasses.replace(DEVICE, **FAILING))
    draw = draw_programming(jax.random.key(1), jax.random.key(2), (N,), None, device)
    off = np.asarray(program(draw, jnp.full(N, 60.0), None, device, PLAIN, None)[0], float) - 60.0
    p, m_f, s_f, m, s = 0.11, -16.0, 7.0, 0.7, 3.8
    mean = p * m_f + (1 - p) * m
    assert off.mean() == pytest.approx(mean, abs=0.15)
    assert off.std() == pytest.approx(np.sqrt(p * (s_f**2 + m_f**2) + (1 - p) * (s**2 + m**2) - mean**2), rel=0.02)


def test_a_share_of_failures_that_is_a_step_ends_where_it_does() -> None:
    step = Points((39.9, 40.0), (0.2, 0.0))
    bias = Points((20.0, 60.0), (-4.0, 4.0))
    device = params(dataclasses.replace(DEVICE, failed_prob=step, failed_bias_uS=100.0, bias_prog_uS=bias))
    for aim_uS, share in ((39.0, 0.2), (41.0, 0.0)):
        draw = draw_programming(jax.random.key(5), jax.random.key(6), (N,), None, device)
        off = np.asarray(program(draw, jnp.full(N, aim_uS), None, device, PLAIN, None)[0], float) - aim_uS
        failed = off > 80
        assert stats.binomtest(int(failed.sum()), N, share).pvalue > 1e-3
        error = (off[~failed] - (aim_uS - 40.0) / 5) / (2.0 + 0.03 * aim_uS)
        assert stats.kstest(error, stats.norm.cdf).pvalue > 1e-3


def test_without_a_share_of_failures_nothing_else_is_drawn() -> None:
    """Failures that err as the others do change no bit, and a device without them draws its normals alone."""
    same = {"failed_prob": 0.3, "failed_bias_uS": 0.7, "failed_sigma_uS": (2.0, 0.03)}
    plain, failing = params(DEVICE), params(dataclasses.replace(DEVICE, **same))
    draws = [draw_programming(jax.random.key(1), jax.random.key(2), (N,), None, each) for each in (plain, failing)]
    assert isinstance(draws[0], jax.Array)
    aim = jnp.full(N, 60.0)
    reached = [program(*pair, None, each, PLAIN, None)[0]
               for pair, each in zip(zip(draws, (aim, aim), strict=True), (plain, failing), strict=True)]  # fmt: skip
    np.testing.assert_array_equal(*reached)


def test_quantiles_are_those_of_events_that_did_not_fail() -> None:
    quantiles = tuple(np.linspace(-1.0, 1.0, 9) * np.sqrt(3))
    device = dataclasses.replace(DEVICE, error_quantiles=quantiles, **FAILING)
    z, aim = jnp.array([3.0, 3.0]), jnp.full(2, 60.0)
    verified, failed = np.asarray(realise_conductance(z, aim, params(device), jnp.array([0.9, 0.0])), float)
    assert verified == pytest.approx(60.7 + 3.8 * np.sqrt(3) * (2 * stats.norm.cdf(3.0) - 1), rel=1e-4)
    assert failed == pytest.approx(60.0 - 16.0 + 3 * 7.0, rel=1e-5)
