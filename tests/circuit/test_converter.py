import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from twin import SIGMA_READ, Twin

import rampjax as rj
from rampjax.circuit import blocks
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.converter import convert, sample_column
from rampjax.circuit.device import Device
from rampjax.circuit.draws import standard_normal

N = 20_000


def sample(design, seed=0, jit=True):
    params, structure = converter_params(design), column_structure(design)
    call = jax.jit(sample_column, static_argnums=2) if jit else sample_column
    return call(jax.random.key(seed), jax.tree.map(jnp.asarray, params), structure)


@pytest.mark.parametrize(
    ("calibration", "twin"),
    [
        ("none", {}),
        ("one_point", {"correction": "one_point"}),
        ("two_point", {"correction": "two_point"}),
        ("ramp_aware", {"programming": "ramp_aware"}),
        ("redundant:4+one_point", {"correction": "one_point", "redundant": 4}),
    ],
)
def test_worst_inl_is_distributed_as_in_the_numpy_twin(calibration, twin):
    design = rj.design("sigmoid", 5, calibration=calibration)
    ours = rj.simulate(design, N, seed=11, save_samples=True).measures[:, 0]
    brute = Twin(5, seed=12)
    theirs = brute.max_inl(brute.column(N, **twin))
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def test_redundant_columns_are_selected_on_what_the_measurement_shows():
    design = rj.design("sigmoid", 5, calibration="redundant:4", circuit=rj.Circuit(n_reads=1))
    ours = rj.simulate(design, N, seed=13, save_samples=True).measures[:, 0]
    brute = Twin(5, n_reads=1, seed=14)
    assert stats.ks_2samp(ours, brute.max_inl(brute.column(N, redundant=4))).pvalue > 1e-3
    quiet = Twin(5, seed=14)
    assert stats.ks_2samp(ours, quiet.max_inl(quiet.column(N, redundant=4))).pvalue < 1e-3


def test_the_twin_test_can_fail():
    design = rj.design("sigmoid", 5, device=rj.load_device("taox_paper", sigma_prog_uS=2.67 * 1.05))
    ours = rj.simulate(design, N, seed=11, save_samples=True).measures[:, 0]
    brute = Twin(5, seed=12)
    assert stats.ks_2samp(ours, brute.max_inl(brute.column(N))).pvalue < 1e-3


@pytest.mark.parametrize("function", ["sigmoid", "gelu", "sin", "square", "log"])
@pytest.mark.parametrize("calibration", ["none", "two_point", "ramp_aware+redundant:2"])
def test_without_variation_the_chip_is_ideal(function, calibration):
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
    design = rj.design(function, 5, device=device, calibration=calibration)
    column = sample(design)
    n = len(design.target.thresholds)
    span = np.ptp(design.target.thresholds)
    np.testing.assert_allclose(column.thresholds[:n], design.target.thresholds, atol=2e-6 * span)
    np.testing.assert_allclose(column.v_ramp_V[:n], design.v_ramp_V, atol=1e-6)
    np.testing.assert_array_equal(column.sigma_x, 0.0)


@pytest.mark.parametrize("calibration", ["none", "ramp_aware"])
def test_the_ramp_is_start_plus_charge_over_capacitance(calibration):
    """V_{k+1} = V_k + g_k t_pulse v_read / c_int, from the realised conductances, in float64."""
    design = rj.design("gelu", 5, calibration=calibration)
    column = sample(design, seed=2)
    n = len(design.g_target_uS)
    rise = np.asarray(column.g_uS, float)[:n] * design.t_pulse_ns * design.device.v_read_V / design.c_int_fF
    expected = design.start_V + np.concatenate([[0.0], np.cumsum(rise)])
    np.testing.assert_allclose(column.v_ramp_V[: n + 1], expected, atol=1e-6)
    np.testing.assert_allclose(column.thresholds[: n + 1], expected / design.scale_V, atol=1e-5)


@pytest.mark.parametrize(("function", "bits"), [("softsign", 12), ("softsign", 16), ("sigmoid", 16)])
def test_single_precision_keeps_small_steps_beside_large_ones(function, bits):
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
    statistics = rj.simulate(
        rj.design(function, bits, device=device), 2, measures=("max_inl_lsb", "missing_codes")
    ).statistics
    assert statistics.mean("max_inl_lsb") < 0.02
    assert statistics.mean("missing_codes") == 0


def test_read_noise_is_that_of_the_realised_conductance():
    device = Device("noisy", 0.0, 100.0, 0.2, (20.0,), (0.0, 0.1))
    design = rj.design("identity", 4, device=device)
    column = sample(design, seed=6)
    g = np.asarray(column.g_uS, float)[:14]
    assert np.ptp(g) > 20.0
    x_per_uS = np.diff(design.target.thresholds)[0] / 100.0
    expected = x_per_uS * np.sqrt(np.cumsum((0.1 * g) ** 2))
    np.testing.assert_allclose(column.sigma_x[1:15], expected, rtol=1e-4)


def test_the_offset_lifts_the_ramp():
    design = rj.design("sigmoid", 5, circuit=rj.Circuit(comparator=blocks.Comparator(sigma_offset_V=0.01)))
    column = sample(design, seed=4)
    offset_V = 0.01 * standard_normal(jax.random.fold_in(jax.random.key(4), 3), 1)[0]
    got = np.asarray(column.thresholds)[:31] * design.scale_V - np.asarray(column.v_ramp_V)[:31]
    np.testing.assert_allclose(got, float(offset_V), atol=1e-6)


def test_read_noise_adds_up_along_the_ramp():
    design = rj.design("sigmoid", 5, device=rj.load_device("taox_paper", sigma_prog_uS=0.0))
    x_per_uS = np.diff(design.target.thresholds)[0] / 150.0
    expected = SIGMA_READ * x_per_uS * np.sqrt(np.arange(31))
    np.testing.assert_allclose(sample(design).sigma_x[:31], expected, rtol=1e-5)


def test_jit_equals_eager():
    design = rj.design("gelu", 4, calibration="ramp_aware+redundant:2")
    for jitted, eager in zip(jax.tree.leaves(sample(design)), jax.tree.leaves(sample(design, jit=False)), strict=True):
        np.testing.assert_allclose(jitted, eager, rtol=1e-5, atol=1e-6)


def test_switching_a_source_on_leaves_the_others_draws():
    plain = rj.design("sigmoid", 5)
    offset = dataclasses.replace(plain, circuit=rj.Circuit(comparator=blocks.Comparator(sigma_offset_V=0.01)))
    before, after = sample(plain, seed=3), sample(offset, seed=3)
    np.testing.assert_array_equal(before.g_uS, after.g_uS)
    shift = np.asarray(after.thresholds - before.thresholds)
    assert np.ptp(shift) < 1e-5
    assert abs(shift[0]) > 1e-4


def test_comparator_offset_has_its_sigma_and_is_not_calibrated_away():
    device = rj.load_device("taox_paper", sigma_prog_uS=0.0)
    circuit = rj.Circuit(comparator=blocks.Comparator(sigma_offset_V=0.01))
    design = rj.design("sigmoid", 5, device=device, calibration="one_point", circuit=circuit)
    shift_V = (rj.simulate(design, 2000, seed=1).kept[:, 0, 15] - design.target.thresholds[15]) * design.scale_V
    assert stats.kstest(shift_V, stats.norm(0.0, 0.01).cdf).pvalue > 1e-3


def test_ratiometric_read_leaves_the_codes_as_they_are():
    """MAC and ramp share v_read: from 0.15 V to 0.25 V both scale alike. A ramp from fixed references does not."""
    design = rj.design("sigmoid", 5)
    column = sample(design, seed=5)
    x = jnp.linspace(-4.0, 4.0, 2001)
    codes = convert(x, column.thresholds[:31], jnp.asarray(design.target.codes))
    far = jnp.min(jnp.abs(x[:, None] - column.thresholds[:31]), axis=1) > 1e-5
    for change in (-0.25, 0.25):
        moved = {
            references: sample(with_operation(design, v_read_change_rel=change, references=references), seed=5)
            for references in ("ratiometric", "fixed")
        }
        got = {k: convert(x, v.thresholds[:31], jnp.asarray(design.target.codes)) for k, v in moved.items()}
        assert bool(jnp.all((got["ratiometric"] == codes)[far]))
        # The MAC's voltage is (1 + change) times as high, the ramp's is not: T = T_nominal / (1 + change).
        expected = column.thresholds[:31] / (1 + change)
        np.testing.assert_allclose(moved["fixed"].thresholds[:31], expected, rtol=1e-5, atol=1e-6)
        assert int(jnp.abs(got["fixed"] - codes).max()) >= 1


def with_operation(design, **figures):
    circuit = dataclasses.replace(design.circuit, operation=blocks.Operation(**figures))
    return dataclasses.replace(design, circuit=circuit)


@pytest.mark.parametrize("function", ["sigmoid", "gelu", "sin", "square"])
def test_convert_gives_the_nearest_level_of_the_function(function):
    design = rj.design(function, 6)
    target = design.target
    lo, hi = max(target.x_lo, -8.0), min(target.x_hi, 8.0)
    x = np.linspace(lo, hi, 4001)
    codes = convert(jnp.asarray(x, jnp.float32), jnp.asarray(target.thresholds, jnp.float32), jnp.asarray(target.codes))
    y = (target.function.evaluate(x) - target.y_lo) / target.lsb
    assert np.abs(np.asarray(codes) + 0.5 - y).max() < 0.5 + 1e-3


def test_a_threshold_belongs_to_the_bin_above_it():
    assert convert(jnp.array([0.0, 1.0, 1.5]), jnp.array([0.0, 1.0]), jnp.array([3, 4, 5])).tolist() == [4, 5, 5]


def test_the_offset_of_the_mac_comes_before_its_clipping():
    """What a clipped MAC can reach does not hang on its own offset, but on the comparator's."""
    quiet = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
    never = {}
    for name, comparator_V, mac_V in (("mac", 0.0, 0.05), ("comparator", 0.05, 0.0)):
        circuit = rj.Circuit(
            mac=blocks.Mac(sigma_offset_V=mac_V, v_clip_V=0.3),
            comparator=blocks.Comparator(sigma_offset_V=comparator_V),
        )
        design = rj.design("identity", 4, device=quiet, circuit=circuit)
        x = rj.simulate(design, 1000, seed=2).kept[:, 0, :15]
        ends = design.target.x_lo, design.target.x_hi
        never[name] = (x == ends[0] - np.ptp(ends)) | (x == ends[1] + np.ptp(ends))
        reached = x[:, 7] * design.scale_V
        assert stats.kstest(reached, stats.norm(0.0, 0.05).cdf).pvalue > 1e-3
    np.testing.assert_array_equal(never["mac"], np.broadcast_to(np.abs(design.v_ramp_V) > 0.3, never["mac"].shape))
    assert 0 < never["comparator"].mean(axis=0)[11] < 1
