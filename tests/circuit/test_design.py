import dataclasses

import numpy as np
import pytest

import rampjax as rj
from rampjax.checks import InputError
from rampjax.circuit import blocks
from rampjax.circuit.device import Device


def test_the_largest_step_gets_the_largest_conductance_and_the_ramp_fits_the_window():
    design = rj.design("sigmoid", 5)
    assert design.g_target_uS.max() == pytest.approx(150.0)
    assert design.g_target_uS.min() == pytest.approx(25.86, abs=0.005)  # smallest step of the reference
    assert np.abs(design.v_ramp_V).max() == pytest.approx(0.5)
    assert design.ramp_time_ns == 32.0  # 32 clocks at 5 bits, as cited by the ReADC paper
    assert design.rmse_lsb == pytest.approx(1 / np.sqrt(12))


@pytest.mark.parametrize("function", ["tanh", "gelu", "reciprocal", "sin", "exp"])
@pytest.mark.parametrize("c_int_fF", [None, 50.0, 5000.0])
def test_the_charge_equation_holds_at_every_step(function, c_int_fF):
    circuit = rj.Circuit(c_int_fF=c_int_fF, t_clk_ns=2.0)
    design = rj.design(function, 5, circuit=circuit)
    charge_fC = design.g_target_uS * design.t_pulse_ns * design.device.v_read_V
    np.testing.assert_allclose(charge_fC, np.diff(design.v_ramp_V) * design.c_int_fF, rtol=1e-9)
    np.testing.assert_allclose(design.v_ramp_V, design.scale_V * design.target.thresholds, rtol=1e-12)
    assert np.abs(design.v_ramp_V).max() <= 0.5 * (1 + 1e-12)
    assert design.g_target_uS.max() <= 150.0 * (1 + 1e-12)
    if c_int_fF is not None:
        assert design.c_int_fF == c_int_fF


def test_a_small_fixed_capacitor_lets_the_window_set_the_scale():
    small = rj.design("sigmoid", 5, circuit=rj.Circuit(c_int_fF=100.0))
    assert np.abs(small.v_ramp_V).max() == pytest.approx(0.5)
    assert small.g_target_uS.max() < 150.0
    large = rj.design("sigmoid", 5, circuit=rj.Circuit(c_int_fF=1000.0))
    assert np.abs(large.v_ramp_V).max() < 0.5
    assert large.g_target_uS.max() == pytest.approx(150.0)


def test_a_conductance_that_cannot_be_met_is_named_with_its_distance():
    with pytest.raises(
        rj.InputError, match=r"step 1[56] of 30 .* needs 38\.79 µS, 11\.21 µS below g_min_uS = 50"
    ) as error:
        rj.design("sigmoid", 5, device="ihp_hfo2_milo")
    assert "ihp_hfo2_milo" in str(error.value)
    assert rj.design("identity", 5, device="ihp_hfo2_milo").g_target_uS.min() == pytest.approx(225.0)


def test_a_design_uses_the_user_s_own_device():
    device = Device("mine", 20.0, 80.0, 0.1, (1.0,))
    design = rj.design("identity", 3, device=device)
    np.testing.assert_allclose(design.g_target_uS, 80.0)
    assert design.device.v_read_V == 0.1


def test_designs_are_values():
    design = rj.design("sigmoid", 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        design.scale_V = 1.0


def test_thresholds_that_single_precision_does_not_resolve_are_refused():
    with pytest.raises(rj.InputError, match=r"too close for single precision: step \d+"):
        rj.design("identity", 5, x_range=(1e6, 1e6 + 1))
    rj.design("identity", 8, x_range=(100.0, 101.0))


def test_a_column_too_large_for_memory_is_refused():
    with pytest.raises(rj.InputError, match="too large to simulate"):
        rj.design("sigmoid", 16, calibration="redundant:64")


@pytest.mark.parametrize(
    ("circuit", "of_device", "message"),
    [
        (
            blocks.Circuit(operation=blocks.Operation(temperature_K=600.0)),
            {"tc_rel_per_K": -0.004},
            "conductance above 0",
        ),
        (
            blocks.Circuit(operation=blocks.Operation(v_read_change_rel=0.25)),
            {"nonlinearity_per_V2": -20.0},
            "`device.nonlinearity_per_V2` must be above -16",
        ),
        (blocks.Circuit(programming=blocks.Programming(mode="write_verify")), {"write": None}, "no figures of write"),
        (blocks.Circuit(), {"tau_read_ns": 0.0}, "`device.tau_read_ns` needs `device.t_read_ns`"),
        (blocks.Circuit(), {"tau_read_ns": -1.0, "t_read_ns": 1.0}, "`device.tau_read_ns` must be at least 0"),
        (blocks.Circuit(), {"t_read_ns": 0.0}, "`device.t_read_ns` must be positive, but is 0"),
        (
            blocks.Circuit(),
            {"sigma_slow_uS": (1.0,)},
            "`device.sigma_slow_uS` needs `device.slow_t_lo_s` and `device.sl",
        ),
        (
            blocks.Circuit(),
            {"sigma_slow_uS": (1.0,), "slow_t_lo_s": 1.0, "slow_t_hi_s": 9.0, "relax_sigma_uS": (0.1, 0.0)},
            "`device.sigma_slow_uS` must be 0 beside `device.relax_sigma_uS`",
        ),
        (blocks.Circuit(), {"failed_prob": (0.0, 0.1)}, "`device.failed_prob` must be between 0 and 1 for every targ"),
        (
            blocks.Circuit(operation=blocks.Operation(age_s=1e9)),
            {"aged_sigma_uS": ((1.0, (1.0,)), (86_400.0, (2.0,)))},
            "`operation.age_s` must be at most 86400",
        ),
        (blocks.Circuit(ramp=blocks.Ramp(opamp_gain=0.0)), {}, "`ramp.opamp_gain` must be at least 1, but is 0"),
        (blocks.Circuit(mac=blocks.Mac(sigma_gain_rel=-0.1)), {}, "`mac.sigma_gain_rel` must be at least 0"),
        (blocks.Circuit(ramp=blocks.Ramp(q_inj_fC=float("nan"))), {}, "`ramp.q_inj_fC` must be a number"),
        (blocks.Circuit(t_clk_ns=0.0), {}, "`circuit.t_clk_ns` must be positive"),
        (blocks.Circuit(t_min_ns=1.5), {}, "`circuit.t_min_ns` must be at most one clock, .* is 1.5"),
        (blocks.Circuit(t_min_ns=-0.1), {}, "`circuit.t_min_ns` must be at least 0"),
        (blocks.Circuit(array=blocks.Array(n_ramps=8)), {}, "`array.n_ramps` must be at most"),
        (blocks.Circuit(n_bias=4), {}, "`circuit.n_bias` must be at least 5"),
        (
            blocks.Circuit(comparator=blocks.Comparator(kind="continuous", t_delay_ns=50.0)),
            {},
            "`comparator.t_delay_ns` must be at most 32 clocks",
        ),
    ],
)
def test_what_cannot_be_built_is_one_sentence(circuit, of_device, message):
    device = dataclasses.replace(rj.load_device("taox_paper"), **of_device)
    with pytest.raises(InputError, match=message) as caught:
        rj.design("sigmoid", 5, device=device, circuit=circuit)
    assert str(caught.value).endswith(".")


def test_bias_devices_need_a_start_to_make():
    with pytest.raises(InputError, match="does not start at 0 V"):
        rj.design("x", 4, x_range=(-0.25, 3.75), calibration="one_point_bias")


@pytest.mark.parametrize("bits", [4, 6])
def test_a_column_run_at_fewer_bits_has_their_thresholds(bits):
    design = rj.design("gelu", bits, column_bits=8)
    np.testing.assert_allclose(design.v_threshold_V / design.scale_V, design.target.thresholds, rtol=1e-9, atol=1e-12)
    assert len(design.g_target_uS) == len(design.column.thresholds) - 1
    with pytest.raises(InputError, match="midrise"):
        rj.design("gelu", 5, levels="endpoint", column_bits=8)


@pytest.mark.parametrize(("t_min_ns", "least_ns"), [(0.0, 0.5), (0.5, 0.5), (0.51, 0.75), (0.9, 1.0), (2.0, 2.0)])
def test_no_pulse_is_shorter_than_its_driver_can_make(t_min_ns, least_ns):
    t_clk_ns = 2.0
    circuit = rj.Circuit(pulse_grid=8, t_clk_ns=t_clk_ns, t_min_ns=t_min_ns)
    free = rj.design("sigmoid", 5, circuit=rj.Circuit(pulse_grid=8, t_clk_ns=t_clk_ns))
    design = rj.design("sigmoid", 5, circuit=circuit)
    np.testing.assert_allclose(design.t_pulse_ns, np.maximum(free.t_pulse_ns, least_ns), rtol=1e-12)
    np.testing.assert_allclose(design.g_target_uS * design.t_pulse_ns, free.g_target_uS * free.t_pulse_ns, rtol=1e-12)


def few(n_levels, **of_device):
    return dataclasses.replace(rj.load_device("taox_paper"), n_levels=n_levels, **of_device)


@pytest.mark.parametrize("n_levels", [16, 64, 10_000])
@pytest.mark.parametrize("pulse_grid", [1, 4])
def test_targets_that_can_be_told_apart_keep_the_ramp_within_half_a_step_of_its_levels(n_levels, pulse_grid):
    circuit = rj.Circuit(pulse_grid=pulse_grid, v_window_V=0.4)
    device = few(n_levels, g_min_uS=3.0)
    design = rj.design("sigmoid", 5, device=device, circuit=circuit)
    number = (design.g_target_uS - 3.0) / (147.0 / (n_levels - 1))
    np.testing.assert_allclose(number, np.rint(number), atol=1e-6)
    charge_fC = design.g_target_uS * design.t_pulse_ns * device.v_read_V
    np.testing.assert_allclose(charge_fC, np.diff(design.v_ramp_V) * design.c_int_fF, rtol=1e-9)
    half_V = 147.0 / (n_levels - 1) * device.v_read_V * design.t_pulse_ns / design.c_int_fF / 2
    off_V = (design.v_ramp_V - design.scale_V * design.column.thresholds)[1:]
    assert (np.abs(off_V) <= half_V * (1 + 1e-6))[:-1].all()
    # The last level lies on the window's edge: its step may not round up.
    assert -2 * half_V[-1] <= off_V[-1] <= 1e-9
    assert np.abs(design.v_ramp_V).max() <= 0.4 * (1 + 1e-6)


def test_programming_that_aims_at_what_remains_keeps_its_levels():
    aware = rj.design("sigmoid", 5, device=few(16), calibration="ramp_aware")
    plain = rj.design("sigmoid", 5, calibration="ramp_aware")
    np.testing.assert_array_equal(aware.v_ramp_V, plain.v_ramp_V)
    np.testing.assert_array_equal(aware.g_target_uS, plain.g_target_uS)
