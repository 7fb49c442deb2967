"""Closed forms of the calibrated ramp: random walk, shift, Brownian bridge, independent steps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from twin import Twin

import rampjax as rj
from rampjax.circuit import blocks
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.calibration import CalibrationParams, correct_ramp
from rampjax.circuit.converter import sample_column
from rampjax.circuit.device import Device

N = 20_000
SIGMA = 1.0  # small enough that no conductance is clipped


def thresholds_error_uS(calibration, **circuit):
    """(N, K) error of the realised ramp in µS·clock: equal steps of 60 µS, far inside the range."""
    device = rj.load_device("taox_paper", sigma_prog_uS=SIGMA)
    narrow = dataclasses.replace(device, g_max_uS=60.0)
    design = rj.design("identity", 4, device=narrow, calibration=calibration, circuit=rj.Circuit(**circuit))
    design = dataclasses.replace(design, device=device)
    kept = [rj.simulate(design, 2000, seed=seed).kept for seed in range(N // 2000)]
    x = np.concatenate(kept)[:, 0, : len(design.v_ramp_V)].astype(float)
    return (x - design.target.thresholds) * 60.0 / np.diff(design.target.thresholds)[0]


def assert_variance(error, expected):
    """Sample variances lie within 5 standard errors of the expected ones."""
    variance = error.var(axis=0)
    np.testing.assert_allclose(variance, expected, atol=5 * np.sqrt(2 / len(error)) * np.max(expected))
    assert np.abs(error.mean(axis=0)).max() < 5 * np.sqrt(np.max(expected) / len(error))


def test_raw_ramp_is_a_random_walk():
    error = thresholds_error_uS("none")
    assert_variance(error, SIGMA**2 * np.arange(error.shape[1]))


def test_one_point_is_a_walk_that_starts_at_the_middle_both_ways():
    error = thresholds_error_uS("one_point")
    k = np.arange(error.shape[1])
    assert_variance(error, SIGMA**2 * np.abs(k - 7))
    np.testing.assert_allclose(error[:, 7], 0.0, atol=1e-4)


def test_two_point_is_a_brownian_bridge():
    error = thresholds_error_uS("two_point")
    k, n = np.arange(error.shape[1]), error.shape[1] - 1
    # Gain correction scales by 1 + O(sigma/g): the bridge holds to that order.
    assert_variance(error, SIGMA**2 * k * (n - k) / n)
    np.testing.assert_allclose(error[:, [0, -1]], 0.0, atol=2e-4)


def test_ramp_aware_errors_do_not_add_up():
    error = thresholds_error_uS("ramp_aware")
    assert_variance(error[:, 1:], np.full(error.shape[1] - 1, SIGMA**2))
    neighbours = np.corrcoef(error[:, 3], error[:, 4])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(N)


def test_one_point_with_few_reads_adds_the_measurements_walk():
    quiet = thresholds_error_uS("one_point")
    noisy = thresholds_error_uS("one_point", n_reads=4)
    # The shift carries the error of the seven devices measured below the middle: 7 sigma_read^2 / 4.
    added = noisy.var(axis=0) - quiet.var(axis=0)
    np.testing.assert_allclose(added, 7 * 3.5**2 / 4, rtol=0.1)


def test_a_ramp_that_does_not_rise_has_no_gain_to_correct():
    calibration = CalibrationParams(jnp.int32(2), jnp.int32(1), jnp.int32(2), jnp.float32(0.0))
    target = jnp.array([0.0, 0.1, 0.2])
    assert np.isfinite(correct_ramp(-target, -target, target, calibration)).all()


def test_a_stuck_device_is_made_good_by_the_next_steps():
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0, stuck_off_prob=0.05)
    design = rj.design("sigmoid", 5, device=device)
    aware = dataclasses.replace(design, calibration=dataclasses.replace(design.calibration, ramp_aware=True))
    plain_rmse, aware_rmse = (rj.simulate(d, 4000, seed=1).statistics.mean("rmse_lsb") for d in (design, aware))
    assert aware_rmse < 0.4 * (plain_rmse - 0.2887) + 0.2887


def test_measurement_error_of_ramp_aware_follows_the_twin():
    design = rj.design("sigmoid", 5, calibration="ramp_aware", circuit=rj.Circuit(n_reads=4))
    ours = rj.simulate(design, N, seed=4, save_samples=True).measures[:, 0]
    twin = Twin(5, n_reads=4, seed=8)
    assert stats.ks_2samp(ours, twin.max_inl(twin.column(N, "ramp_aware"))).pvalue > 1e-3


def test_correction_is_jittable_and_equals_eager():
    calibration = CalibrationParams(jnp.int32(1), jnp.int32(1), jnp.int32(2), jnp.float32(0.0))
    off, target = jnp.array([0.0, 0.03, 0.02]), jnp.array([0.0, 0.1, 0.2])
    eager = correct_ramp(off, off, target, calibration)
    np.testing.assert_allclose(jax.jit(correct_ramp)(off, off, target, calibration), eager, rtol=1e-6)


def test_two_point_is_shift_and_gain_of_the_ramp_itself():
    """The form in deviations against the plain one: V' = V_1 + (V_K - V_1) / (M_K - M_1) (R - M_1)."""
    calibration = CalibrationParams(jnp.int32(2), jnp.int32(1), jnp.int32(3), jnp.float32(0.0))
    target, ramp, seen = np.array([[-0.1, 0.0, 0.2, 0.5], [-0.08, 0.03, 0.18, 0.56], [-0.11, 0.02, 0.2, 0.61]])
    off, seen_off = (jnp.asarray(v - target, jnp.float32) for v in (ramp, seen))
    got = target + np.asarray(correct_ramp(off, seen_off, jnp.asarray(target, jnp.float32), calibration))
    np.testing.assert_allclose(got, target[0] + 0.6 / 0.72 * (ramp - seen[0]), atol=1e-7)


def test_aims_stay_inside_the_range_of_targets():
    device = Device("narrow", 50.0, 225.0, 0.2, (0.0,), stuck_off_prob=0.1, stuck_on_prob=0.1, g_stuck_on_uS=900.0)
    design = rj.design("identity", 4, device=device, calibration="ramp_aware")
    params, structure = converter_params(design), column_structure(design)
    keys = jax.random.split(jax.random.key(1), 200)
    g = np.asarray(jax.jit(jax.vmap(lambda key: sample_column(key, params, structure).g_uS))(keys))[:, :14]
    healthy = g[(g > 0.0) & (g < 900.0)]
    # A stuck neighbour asks for more than either end: both limits are met, and never passed.
    assert healthy.min() == 50.0
    assert healthy.max() == 225.0


def test_the_middle_of_an_even_number_of_thresholds_is_one_of_the_two():
    design = rj.design("gelu", 5, calibration="one_point")
    n = len(design.target.thresholds)
    assert n % 2 == 0
    assert int(converter_params(design).calibration.middle) == n // 2 - 1


@pytest.mark.parametrize(
    "figures", [{"t_loss_ns": 0.03}, {"q_inj_fC": 0.3}, {"v_os_V": 0.005}, {"sigma_c_int_rel": 0.02}]
)
def test_one_point_bias_corrects_what_the_pulses_of_the_bias_devices_add(figures):
    """Without programming error the ramp is right in the middle, but for the gain error of the bias pulses."""
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0)
    middle = {}
    for calibration in ("none", "one_point_bias"):
        circuit = rj.Circuit(n_bias=6, ramp=blocks.Ramp(**figures))
        design = rj.design("softplus", 5, device=device, calibration=calibration, circuit=circuit, x_range=(-3, 4))
        x = rj.simulate(design, 500, seed=3).kept[:, 0, 15]
        middle[calibration] = np.sqrt(np.mean((x - design.target.thresholds[15]) ** 2))
    assert middle["one_point_bias"] < 0.06 * middle["none"] + 1e-6


def test_redundant_columns_share_the_drivers_of_their_rows():
    """Selection cannot take back what all columns have in common; what an integrator has of its own, it can."""
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0)

    def mean(calibration, **figures):
        circuit = rj.Circuit(ramp=blocks.Ramp(**figures))
        design = rj.design("sigmoid", 5, device=device, calibration=calibration, circuit=circuit)
        return rj.simulate(design, 2000, seed=5).statistics.mean("max_inl_lsb")

    for figure, value in (("sigma_t_loss_ns", 0.03), ("sigma_v_read_rel", 0.02), ("sigma_gradient_rel", 0.05)):
        assert mean("redundant:4", **{figure: value}) == pytest.approx(mean("none", **{figure: value}), rel=1e-4)
    assert mean("redundant:4", sigma_c_int_rel=0.02) < 0.5 * mean("none", sigma_c_int_rel=0.02)
