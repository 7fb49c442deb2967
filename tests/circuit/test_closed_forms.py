"""Closed forms of single non-idealities, and the costs of short pulses, through the public way in."""

import dataclasses
import math

import jax
import numpy as np
import pytest
import twin_circuit
from scipy import special, stats
from shared_kernels import WIDE, measured, thresholds
from twin_circuit import BOLTZMANN_FC_V, TwinCircuit

import rampjax as rj
from rampjax.circuit.assemble import column_structure
from rampjax.circuit.blocks import Circuit, Comparator, Mac, Operation, Ramp
from rampjax.circuit.calibration_spec import parse_calibration
from rampjax.circuit.design import Layout, lay_out

QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)


def design(function, bits, device=QUIET, calibration="none", **circuit):
    return rj.design(function, bits, device=device, calibration=calibration, circuit=Circuit(**circuit))


def is_normal(samples, sigma):
    return stats.kstest(samples / sigma, stats.norm.cdf).pvalue > 1e-3


# ---- ramp


EIGHT_BITS = {"n_taps": 16, "leaky": True}


def test_a_leaky_integrator_follows_its_exponential():
    """c dV/dt = g (v_read - V/(A + 1)): V goes to (A + 1) v_read with rate g/((A + 1) c)."""
    gain = 1000.0
    leaky = design("sigmoid", 8, ramp=Ramp(opamp_gain=gain))
    v = leaky.v_ramp_V[0]
    expected = [v]
    for g, t in zip(leaky.g_target_uS, leaky.t_pulse_ns, strict=True):
        v = (gain + 1) * 0.2 + (v - (gain + 1) * 0.2) * math.exp(-g * t / ((gain + 1) * leaky.c_int_fF))
        expected.append(v)
    y = 256 * special.expit(np.array(expected) / leaky.scale_V)
    assert np.abs(y - np.arange(1, 256)).max() > 0.1
    np.testing.assert_allclose(256 * special.expit(thresholds(leaky, n=1, **EIGHT_BITS)[0]), y, atol=1e-3)


def test_lost_time_alone_shrinks_every_step_alike():
    lost = design("softplus", 4, ramp=Ramp(t_loss_ns=0.03))
    t = lost.target.thresholds
    np.testing.assert_allclose(thresholds(lost, n=1, **WIDE)[0], t[0] + 0.97 * (t - t[0]), atol=1e-5)


def test_lost_time_alone_at_short_pulses_costs_its_share_of_each():
    lost = design("sigmoid", 4, ramp=Ramp(t_loss_ns=0.03), pulse_grid=8)
    t = lost.target.thresholds
    share = 1 - 0.03 / lost.t_pulse_ns
    expected = t[0] + np.concatenate([[0.0], np.cumsum(np.diff(t) * share)])
    assert np.ptp(share) > 0.04
    np.testing.assert_allclose(thresholds(lost, n=1, **WIDE)[0], expected, atol=1e-5)


def test_injection_alone_adds_the_same_to_every_step():
    injected = design("softplus", 4, ramp=Ramp(q_inj_fC=0.2))
    t = injected.target.thresholds
    each = 0.2 / injected.c_int_fF / injected.scale_V
    np.testing.assert_allclose(thresholds(injected, n=1, **WIDE)[0], t + each * np.arange(len(t)), atol=1e-5)


def test_resistance_in_series_alone():
    wired = design("sigmoid", 4, ramp=Ramp(r_access_MOhm=1e-4, r_wire_MOhm=2e-5))
    t, g = wired.target.thresholds, wired.g_target_uS
    r = 1e-4 + 2e-5 * np.arange(1, len(g) + 1)
    expected = t[0] + np.concatenate([[0.0], np.cumsum(np.diff(t) / (1 + g * r))])
    np.testing.assert_allclose(thresholds(wired, n=1, **WIDE)[0], expected, atol=1e-5)


def test_a_straight_ramp_lags_as_a_pole_that_is_loaded():
    """Equal pulses of a full clock are one long one: 1/h = 1/tau + g/c, W = r h/tau (t - h (1 - exp(-t/h)))."""
    tau = 0.4
    slow = design("identity", 4, ramp=Ramp(tau_settle_ns=tau))
    h = 1 / (1 / tau + slow.g_target_uS[0] / slow.c_int_fF)
    t = np.arange(15.0)
    expected = h / tau * (t - h * (1 - np.exp(-t / h))) - t
    inl = (thresholds(slow, n=1, **WIDE)[0] - slow.target.thresholds) / slow.target.lsb
    np.testing.assert_allclose(inl, expected, atol=1e-4)
    assert inl[-1] < -1.0


def test_short_pulses_into_a_large_capacitor_leave_a_geometric_residue():
    """Where a pulse is a sudden step, t << tau and g tau/c -> 0: L_{k+1} = (L_k + dV_k) exp(-t_clk/tau), no loss."""
    tau, t = 0.4, 1 / 64
    target = rj.design("sigmoid", 4).target
    v_V = 1e-4 * target.thresholds
    c_fF = 30.0 * t / np.diff(v_V).max()
    layout = Layout(1e-4, c_fF, v_V, np.full(14, t), np.ones(14, int), 0, 1.0)
    circuit = Circuit(pulse_grid=64, ramp=Ramp(tau_settle_ns=tau))
    slow = lay_out(target, target, QUIET, circuit, parse_calibration("none"), layout)
    ramp = rj.sample_column(jax.random.key(0), rj.converter_params(slow), column_structure(slow)).ramp
    lag, lags = 0.0, [0.0]
    for rise in np.diff(v_V):
        lag = lag * math.exp(-1 / tau) + rise * math.exp((0.5 * t - 1) / tau)  # a sudden step amid its pulse
        lags.append(lag)
    np.testing.assert_allclose(ramp.measured_V[:15] - ramp.held_V[:15], lags, rtol=1e-3)
    np.testing.assert_allclose(ramp.measured_V[:15], 0.0, atol=3e-4 * np.ptp(v_V))


def test_drift_shrinks_the_ramp_by_a_power_of_its_age():
    device = dataclasses.replace(QUIET, drift_nu=(0.0, 0.05, 0.0, 1.0), drift_t0_s=20.0)
    for age_s, factor in ((20.0, 1.0), (2e4, 1e3**-0.05)):
        aged = design("sigmoid", 4, device, operation=Operation(age_s=age_s))
        t = aged.target.thresholds
        np.testing.assert_allclose(thresholds(aged, n=1, **WIDE)[0], t[0] + factor * (t - t[0]), atol=1e-5)


def test_relaxation_spreads_as_a_random_walk_and_recalibration_takes_the_past_out():
    """At threshold k the spread is sqrt(k - 1) S(t); recalibration leaves S²(t) - S²(t_cal) in the middle."""
    now, past = 0.5 + 0.2 * math.log(1e4), 0.5 + 0.2 * math.log(4e3)
    device = dataclasses.replace(QUIET, relax_sigma_uS=(0.5, 0.2))
    middle = 7
    for every, calibration, variance in (
        (None, "none", now**2),
        (6e3, "none", now**2),
        (None, "one_point", now**2),
        (6e3, "one_point", now**2 - past**2),
    ):
        aged = design("sigmoid", 4, device, calibration, operation=Operation(age_s=1e4, recalibrate_s=every))
        per_uS = np.diff(aged.target.thresholds)[0] / aged.g_target_uS[0]
        off = thresholds(aged, 3, **WIDE)[:, middle] - aged.target.thresholds[middle]
        assert is_normal(off, per_uS * math.sqrt(middle * variance))


@pytest.mark.parametrize("age_s", [2.0, 50.0])
def test_telegraph_noise_flips_as_often_as_two_levels_do(age_s):
    """(1 - exp(-2 t/tau))/2 of the trapped devices are in the other level than when they were programmed."""
    share, amplitude, tau = 0.8, 0.1, 4.0
    device = dataclasses.replace(QUIET, rtn_prob=share, rtn_amplitude_rel=amplitude, rtn_tau_s=tau)
    noisy = design("sigmoid", 4, device, operation=Operation(age_s=age_s))
    off = thresholds(noisy, 4, **WIDE) - noisy.target.thresholds
    jumps = np.diff(off, axis=1) / np.diff(noisy.target.thresholds) / amplitude
    np.testing.assert_allclose(jumps, np.round(jumps), atol=1e-3)
    flip = share * (1 - math.exp(-2 * age_s / tau)) / 2
    assert stats.binomtest(int((np.round(jumps) != 0).sum()), jumps.size, flip).pvalue > 1e-3
    assert stats.binomtest(int((np.round(jumps) > 0).sum()), jumps.size, flip / 2).pvalue > 1e-3


def test_a_gradient_along_the_column_bends_the_ramp_as_a_parabola():
    """Equal steps, g_k (1 + gamma (f_k - 1/2)): the ramp is off by -gamma/2 (k-1)(K-k)/(K-2) steps."""
    graded = design("identity", 4, ramp=Ramp(sigma_gradient_rel=0.03))
    inl = (thresholds(graded, 5, **WIDE) - graded.target.thresholds) / graded.target.lsb
    k = np.arange(1, 16)
    bend = -0.5 * (k - 1) * (15 - k) / 13
    gamma = inl[:, 7] / bend[7]
    assert is_normal(gamma, 0.03)
    np.testing.assert_allclose(inl, gamma[:, None] * bend, atol=2e-4)


# ---- bias devices


def test_the_start_of_the_sigmoid_needs_five_bias_devices():
    """710 µS clk at 5 bits, 1190 at 8: five devices of 150 µS suffice for the one, not for the other."""
    start_uS = [abs(d.v_ramp_V[0]) * d.c_int_fF / 0.2 for d in (design("sigmoid", 5), design("sigmoid", 8))]
    assert start_uS == [pytest.approx(709.6, abs=0.1), pytest.approx(1192.4, abs=0.1)]
    design("sigmoid", 5, n_bias=5)
    with pytest.raises(rj.InputError, match="n_bias"):
        design("sigmoid", 8, n_bias=5)


# ---- MAC and comparator


def test_a_trim_leaves_half_a_step():
    comparator = Comparator(sigma_offset_V=0.01, trim_step_V=0.002, trim_range_V=0.1)
    trimmed = design("identity", 4, comparator=comparator)
    off_V = (thresholds(trimmed, 7, **WIDE)[:, 5] - trimmed.target.thresholds[5]) * trimmed.scale_V
    assert stats.kstest(off_V, stats.uniform(-0.001, 0.002).cdf).pvalue > 1e-3


def test_a_trim_out_of_range_leaves_the_rest():
    """Gain errors within 2 % are trimmed to half a step of 0.1 %; of the others 2 % are taken off."""
    trimmed = design("identity", 4, mac=Mac(sigma_gain_rel=0.05, gain_trim_step_rel=0.001, gain_trim_range_rel=0.02))
    eps = trimmed.target.thresholds[-1] / thresholds(trimmed, 8, **WIDE)[:, -1] - 1
    rest = np.abs(eps) > 0.0005 + 1e-6
    assert stats.binomtest(int(rest.sum()), len(eps), 2 * stats.norm.sf(0.0205 / 0.05)).pvalue > 1e-3
    before = (np.abs(eps[rest]) + 0.02) / 0.05
    tail = stats.truncnorm(0.41, np.inf)
    assert stats.kstest(before, tail.cdf).pvalue > 1e-3


# ---- delay


def late_codes(late, x):
    """Codes with the delay, and without."""
    return tuple(
        late.target.codes[(x[:, None] >= t).sum(axis=1)] for t in (thresholds(late, n=1)[0], late.target.thresholds)
    )


def away_from(thresholds, x):
    return x[np.abs(x[:, None] - thresholds).min(axis=1) > 1e-4]


def test_a_pure_delay_adds_the_same_counts_at_every_input_of_a_monotone_function():
    """ceil(2.3) = 3 counts, until the counter is full, in the twin's conversions clock by clock too."""
    circuit = Circuit(comparator=Comparator(kind="continuous", t_delay_ns=2.3, delay_removed=False))
    late = rj.design("sigmoid", 4, device=QUIET, circuit=circuit)
    x = away_from(late.target.thresholds, np.linspace(-6, 6, 1001))
    with_delay, without = late_codes(late, x)
    np.testing.assert_array_equal(with_delay, np.minimum(without + 3, 15))
    twin = TwinCircuit(twin_circuit.sigmoid(4), QUIET, circuit)
    np.testing.assert_array_equal(with_delay, twin.convert(twin.ramps(1)[0], twin.a * x))


def test_a_pure_delay_depends_on_the_code_where_the_counter_runs_up_and_down():
    late = design("square", 4, comparator=Comparator(kind="continuous", t_delay_ns=2.3, delay_removed=False))
    x = away_from(late.target.thresholds, np.linspace(-1.9, 1.5, 1001))
    with_delay, without = late_codes(late, x)
    change = with_delay - without
    assert set(change[x < -0.9]) == {-3}
    assert set(change[x > -0.4]) >= {3}
    assert set(change[x > 0.1]) == {3}


def test_a_delay_in_whole_clocks_is_removed_by_a_later_start():
    late = design("square", 4, comparator=Comparator(kind="continuous", t_delay_ns=2.3))
    np.testing.assert_allclose(thresholds(late, n=1)[0], late.target.thresholds, atol=2e-6)


# ---- ratiometric read

READS = (-0.25, 0.0, 0.25)  # 0.15, 0.20 and 0.25 V


def codes_at(read_voltages, x, **circuit):
    """Codes of the same 200 chips at each read voltage, and their thresholds."""
    device = rj.load_device("taox_paper")
    references = circuit.pop("references", "ratiometric")
    t = []
    for s in read_voltages:
        chips = design("sigmoid", 4, device, operation=Operation(v_read_change_rel=s, references=references), **circuit)
        t.append(thresholds(chips, 9, **WIDE)[:200])
    return [(x[None, :, None] >= at[:, None, :]).sum(axis=2) for at in t], t


def test_a_common_change_of_the_read_voltage_leaves_every_code():
    x = np.linspace(-4, 4, 401)
    codes, t = codes_at(READS, x)
    near = np.abs(x[None, :, None] - t[1][:, None, :]).min(axis=2) < 1e-5
    for other in (codes[0], codes[2]):
        assert ((other == codes[1]) | near).all()


def test_fixed_references_shift_the_codes():
    codes, t = codes_at(READS, np.linspace(-4, 4, 401), references="fixed")
    for s, at, c in zip(READS, t, codes, strict=True):
        np.testing.assert_allclose(at * (1 + s), t[1], atol=2e-5)
        assert s == 0 or (c != codes[1]).mean() > 0.3


def test_with_non_idealities_a_residual_remains_as_in_the_twin():
    """LSB per volt of read voltage: injection and offset do not follow it."""
    ramp = Ramp(q_inj_fC=0.1, v_os_V=0.002)
    goal = twin_circuit.sigmoid(4)
    worst, expected = [], []
    for s in READS:
        circuit = Circuit(ramp=ramp, operation=Operation(v_read_change_rel=s))
        worst.append(goal.inl(thresholds(rj.design("sigmoid", 4, device=QUIET, circuit=circuit), n=1, **WIDE)[0]))
        expected.append(goal.inl(TwinCircuit(goal, QUIET, circuit).thresholds(1)[0]))
    per_volt = np.abs(worst[2] - worst[0]).max() / 0.1
    assert per_volt == pytest.approx(np.abs(expected[2] - expected[0]).max() / 0.1, rel=1e-3)
    assert per_volt > 1.0


# ---- an extremum


def test_x_squared_can_lose_a_code_at_no_inl():
    """The device between the two thresholds of the extremum is stuck OFF, and the next one makes up for it.

    Both thresholds lie where x^2 is right: INL = 0, but the code between them is lost, and the worst error is 1 LSB.
    """
    device = dataclasses.replace(QUIET, stuck_off_prob=0.03, g_stuck_off_uS=0.0)
    plain = design("square", 4, device)
    # Seven tenths of the capacitor, so that no target is above 105 µS and the next device can make up.
    chips = design("square", 4, device, "ramp_aware", c_int_fF=0.7 * plain.c_int_fF)
    got = measured(chips, 10, ("max_err_lsb", "max_inl_lsb", "missing_codes"))
    t = thresholds(chips, 10, measures=("max_err_lsb", "max_inl_lsb", "missing_codes"))
    goal = twin_circuit.square(4)
    np.testing.assert_allclose(got[:300, 0], goal.max_err(t[:300]), atol=5e-3)
    np.testing.assert_allclose(got[:1000, 1], goal.max_inl(t), atol=1e-3)
    lost = (t[:, 15] - t[:, 14] < 1e-5) & (got[:1000, 1] < 2e-3)
    assert lost.sum() > 3
    np.testing.assert_allclose(got[:1000][lost][:, [0, 2]], 1.0, atol=2e-3)


# ---- noise


@pytest.mark.parametrize(
    ("circuit", "device", "share"),
    [
        # variance of one step in LSB², and what does not add up along the ramp
        ({}, {"sigma_read_uS": (1.5,)}, lambda d: ((1.5 / 150) ** 2, 0.0)),
        ({"ramp": Ramp(sigma_jitter_ns=0.01)}, {}, lambda d: (0.01**2, 0.0)),
        ({"ramp": Ramp(sigma_step_V=1e-3)}, {}, lambda d: ((1e-3 / d.scale_V / d.target.lsb) ** 2, 0.0)),
        (
            {"ramp": Ramp(ktc_noise=True), "mac": Mac(ktc_noise=True)},
            {},
            lambda d: (0.0, 2 * BOLTZMANN_FC_V * 300 / d.c_int_fF / (d.scale_V * d.target.lsb) ** 2),
        ),
        (
            {"mac": Mac(sigma_noise_V=0.003), "comparator": Comparator(sigma_noise_V=0.004)},
            {},
            lambda d: (0.0, (0.005 / d.scale_V / d.target.lsb) ** 2),
        ),
    ],
    ids=["reads", "jitter", "steps", "kT/C", "MAC and comparator"],
)
def test_noise_adds_up_along_a_straight_ramp(circuit, device, share):
    """Equal steps: variance (k - 1) s² + r² at threshold k of K = M - 1; noise_rms² is their sum over M."""
    noisy = design("identity", 4, dataclasses.replace(QUIET, **device), **circuit)
    step, once = share(noisy)
    expected = math.sqrt((14 * 15 / 2 * step + 15 * once) / 16)
    assert measured(noisy, 0, n=1, **WIDE)[0, 2] == pytest.approx(expected, rel=2e-3)


# ---- the costs of short pulses: 8-bit sigmoid in sixteenths of a clock, no programming error, worst INL in LSB

COSTS = {
    "0.1 fC injected": (
        {"q_inj_fC": 0.1},
        {"none": 20.97, "one_point": 6.975, "two_point": 4.042, "ramp_aware": 0.1487},
    ),
    "30 ps lost": (
        {"t_loss_ns": 0.03},
        {"none": 124.2, "one_point": 36.39, "two_point": 19.83, "ramp_aware": 11.60},  # aims meet g_max
    ),
    "10 ps lost": ({"t_loss_ns": 0.01}, {"one_point": 9.971, "ramp_aware": 0.7043}),
    # The median: a few chips, whose aims meet g_max, make the mean.
    "1 % of a clock for each width": (
        {"sigma_tap_ns": 0.01},
        {"one_point": 6.15, "two_point": 3.69, "ramp_aware": 0.184},
    ),
}


@pytest.mark.parametrize("cost", COSTS)
def test_costs_of_short_pulses_are_those_of_brute_force(cost):
    settings, table = COSTS[cost]
    for calibration, expected in table.items():
        costly = design("sigmoid", 8, calibration=calibration, pulse_grid=16, ramp=Ramp(**settings))
        drawn = "sigma_tap_ns" in settings
        got = np.median(measured(costly, 11, n=4096 if drawn else 1, **EIGHT_BITS)[:, 0])
        assert got == pytest.approx(expected, rel=0.06 if drawn else 0.002), calibration


def test_a_width_error_of_each_pulse_by_itself_costs_less_than_one_of_each_width():
    """1 % of a clock, brute force: 1.90 LSB after one_point where every pulse has its own, 7.4 where widths have."""
    goal = twin_circuit.sigmoid(8)
    column = design("sigmoid", 8, pulse_grid=16)
    rng = np.random.default_rng(12)
    rise = column.g_target_uS * 0.2 / column.c_int_fF / column.scale_V
    for per_width, expected in ((False, 1.90), (True, 7.42)):
        error_ns = 0.01 * rng.standard_normal((4000, 16 if per_width else 254))
        if per_width:
            error_ns = error_ns[:, np.rint(16 * column.t_pulse_ns).astype(int) - 1]
        off = np.cumsum(np.pad(error_ns * rise, ((0, 0), (1, 0))), axis=1)
        worst = goal.max_inl(goal.t + off - off[:, [127]])
        assert worst.mean() == pytest.approx(expected, rel=0.05)
