"""Closed forms of single non-idealities, and the costs of short pulses, through the public way in."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import twin_circuit
from scipy import special, stats
from twin_circuit import BOLTZMANN_FC_V, TwinCircuit

import rampjax as rj
from rampjax import metrics
from rampjax.circuit.blocks import Circuit, Comparator, Mac, Operation, Ramp
from rampjax.target.arrays import target_arrays

QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)


def measured(design, n, seed, *measures):
    return np.asarray(rj.simulate(design, n, seed=seed, measures=measures, save_samples=True).measures, float)


def thresholds(design, n=1, seed=0):
    kept = rj.simulate(design, n, seed=seed, measures=("max_inl_lsb",)).kept
    return np.asarray(kept, float)[:, 0, : len(design.target.thresholds)]


def design(function, bits, device=QUIET, calibration="none", **circuit):
    return rj.design(function, bits, device=device, calibration=calibration, circuit=Circuit(**circuit))


def is_normal(samples, sigma):
    return stats.kstest(samples / sigma, stats.norm.cdf).pvalue > 1e-3


# ---- ramp


@pytest.mark.parametrize("bits", [5, 8])
def test_a_leaky_integrator_follows_its_exponential(bits):
    """c dV/dt = g (v_read - V/A): V goes to A v_read with rate g/(A c); the mid-point step is within 1e-3 LSB of it."""
    gain = 1000.0
    leaky = design("sigmoid", bits, ramp=Ramp(opamp_gain=gain))
    v = leaky.v_ramp_V[0]
    expected = [v]
    for g, t in zip(leaky.g_target_uS, leaky.t_pulse_ns, strict=True):
        v = gain * 0.2 + (v - gain * 0.2) * math.exp(-g * t / (gain * leaky.c_int_fF))
        expected.append(v)
    y = special.expit(np.array(expected) / leaky.scale_V)
    worst = np.abs(y * 2**bits - np.arange(1, 2**bits)).max()
    got = special.expit(thresholds(leaky)[0])
    assert worst > 1e-2
    np.testing.assert_allclose(got * 2**bits, y * 2**bits, atol=1e-3)


def test_lost_time_alone_shrinks_every_step_alike():
    lost = design("gelu", 5, ramp=Ramp(t_loss_ns=0.03))
    t = lost.target.thresholds
    np.testing.assert_allclose(thresholds(lost)[0], t[0] + 0.97 * (t - t[0]), atol=1e-5)


def test_lost_time_alone_at_short_pulses_costs_its_share_of_each():
    lost = design("sigmoid", 5, ramp=Ramp(t_loss_ns=0.03), pulse_grid=8)
    t = lost.target.thresholds
    share = 1 - 0.03 / lost.t_pulse_ns
    expected = t[0] + np.concatenate([[0.0], np.cumsum(np.diff(t) * share)])
    assert np.ptp(share) > 0.05
    np.testing.assert_allclose(thresholds(lost)[0], expected, atol=1e-5)


def test_injection_alone_adds_the_same_to_every_step():
    injected = design("gelu", 5, ramp=Ramp(q_inj_fC=0.2))
    t = injected.target.thresholds
    each = 0.2 / injected.c_int_fF / injected.scale_V
    np.testing.assert_allclose(thresholds(injected)[0], t + each * np.arange(len(t)), atol=1e-5)


def test_resistance_in_series_alone():
    wired = design("sigmoid", 5, ramp=Ramp(r_access_MOhm=1e-4, r_wire_MOhm=2e-5))
    t, g = wired.target.thresholds, wired.g_target_uS
    r = 1e-4 + 2e-5 * np.arange(1, len(g) + 1)
    expected = t[0] + np.concatenate([[0.0], np.cumsum(np.diff(t) / (1 + g * r))])
    np.testing.assert_allclose(thresholds(wired)[0], expected, atol=1e-5)


def test_a_single_pole_leaves_a_geometric_residue():
    """Equal steps of 1 LSB, r = exp(-t_clk/tau): the ramp lags by r (1 - r^(k-1))/(1 - r) LSB at threshold k."""
    tau = 0.4
    slow = design("identity", 5, ramp=Ramp(tau_settle_ns=tau))
    r = math.exp(-1 / tau)
    inl = (thresholds(slow)[0] - slow.target.thresholds) / slow.target.lsb
    np.testing.assert_allclose(inl, -r * (1 - r ** np.arange(31)) / (1 - r), atol=1e-4)


def test_drift_shrinks_the_ramp_by_a_power_of_its_age():
    device = dataclasses.replace(QUIET, drift_nu=(0.0, 0.05, 0.0, 1.0), drift_t0_s=20.0)
    for age_s, factor in ((20.0, 1.0), (2e4, 1e3**-0.05)):
        aged = design("sigmoid", 5, device, operation=Operation(age_s=age_s))
        t = aged.target.thresholds
        np.testing.assert_allclose(thresholds(aged)[0], t[0] + factor * (t - t[0]), atol=1e-5)


def test_relaxation_spreads_as_a_random_walk_and_recalibration_takes_the_past_out():
    """At threshold k the spread is sqrt(k - 1) S(t); with recalibration only S²(t) - S²(t_cal) remains in the middle."""
    now, past = 0.5 + 0.2 * math.log(1e4), 0.5 + 0.2 * math.log(4e3)
    device = dataclasses.replace(QUIET, relax_sigma_uS=(0.5, 0.2))
    middle = 15
    for every, calibration, variance in (
        (None, "none", now**2),
        (6e3, "none", now**2),
        (None, "one_point", now**2),
        (6e3, "one_point", now**2 - past**2),
    ):
        aged = design("sigmoid", 5, device, calibration, operation=Operation(age_s=1e4, recalibrate_s=every))
        per_uS = np.diff(aged.target.thresholds)[0] / aged.g_target_uS[0]
        off = thresholds(aged, 1000, seed=3)[:, middle] - aged.target.thresholds[middle]
        assert is_normal(off, per_uS * math.sqrt(middle * variance))


@pytest.mark.parametrize(("age_s", "every"), [(2.0, None), (50.0, None), (5.0, 1.5)])
def test_telegraph_noise_flips_as_often_as_two_levels_do(age_s, every):
    """(1 - exp(-2 dt/tau))/2 of the trapped devices are in the other level; a calibration sees that at its own time."""
    share, amplitude, tau = 0.8, 0.1, 4.0
    device = dataclasses.replace(QUIET, rtn_prob=share, rtn_amplitude_rel=amplitude, rtn_tau_s=tau)
    noisy = design(
        "sigmoid", 2, device, "two_point" if every else "none", operation=Operation(age_s=age_s, recalibrate_s=every)
    )
    t = noisy.target.thresholds
    off = thresholds(noisy, 1000, seed=4) - t
    if every:  # two steps, corrected at their sum: right unless one flipped since
        flip = share * (1 - math.exp(-2 * every / tau)) / 2
        right = (1 - flip) ** 2
        count = int((np.abs(off[:, -1]) < 1e-5).sum())
        assert stats.binomtest(count, 1000, right).pvalue > 1e-3
        return
    jump = off[:, 1] / np.diff(t)[0] / amplitude
    np.testing.assert_allclose(jump, np.round(jump), atol=1e-3)
    flip = share * (1 - math.exp(-2 * age_s / tau)) / 2
    assert stats.binomtest(int((np.round(jump) != 0).sum()), 1000, flip).pvalue > 1e-3
    assert stats.binomtest(int((np.round(jump) > 0).sum()), 1000, flip / 2).pvalue > 1e-3


def test_a_gradient_along_the_column_bends_the_ramp_as_a_parabola():
    """Equal steps, g_k (1 + gamma (f_k - 1/2)): the ramp is off by -gamma/2 (k-1)(K-k)/(K-2) steps."""
    graded = design("identity", 5, ramp=Ramp(sigma_gradient_rel=0.03))
    inl = (thresholds(graded, 1000, seed=5) - graded.target.thresholds) / graded.target.lsb
    k = np.arange(1, 32)
    bend = -0.5 * (k - 1) * (31 - k) / 29
    gamma = inl[:, 15] / bend[15]
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


def test_a_shift_by_five_bias_devices_has_their_own_error():
    """Brute force 0.43; an ideal shift 0.343."""
    shifted = rj.design("sigmoid", 5, calibration="one_point_bias")
    assert measured(shifted, 50_000, 6, "max_inl_lsb").mean() == pytest.approx(0.431, rel=0.02)


# ---- MAC and comparator


def test_a_trim_leaves_half_a_step():
    circuit = {"comparator": Comparator(sigma_offset_V=0.01, trim_step_V=0.002, trim_range_V=0.1)}
    trimmed = design("identity", 5, **circuit)
    off = (thresholds(trimmed, 1000, seed=7)[:, 10] - trimmed.target.thresholds[10]) * trimmed.scale_V
    assert stats.kstest(off, stats.uniform(-0.001, 0.002).cdf).pvalue > 1e-3


def test_a_trim_out_of_range_leaves_the_rest():
    circuit = {"mac": Mac(sigma_gain_rel=0.05, gain_trim_step_rel=0.001, gain_trim_range_rel=0.02)}
    trimmed = design("identity", 5, **circuit)
    t = trimmed.target.thresholds
    eps = t[-1] / thresholds(trimmed, 1000, seed=8)[:, -1] - 1 if t[-1] else None
    assert np.mean(np.abs(eps) > 0.0006) == pytest.approx(2 * stats.norm.sf(0.4), abs=0.06)
    assert eps.std() < 0.05


# ---- delay


def test_a_pure_delay_adds_the_same_counts_at_every_input_of_a_monotone_function():
    """ceil(2.3) = 3 counts, until the counter is full."""
    late = design("sigmoid", 5, comparator=Comparator(kind="continuous", t_delay_ns=2.3, delay_removed=False))
    ideal = late.target.thresholds
    x = np.linspace(-6, 6, 2001)
    x = x[np.abs(x[:, None] - ideal).min(axis=1) > 1e-4]
    codes = late.target.codes[(x[:, None] >= thresholds(late)[0]).sum(axis=1)]
    np.testing.assert_array_equal(codes, np.minimum(late.target.codes[(x[:, None] >= ideal).sum(axis=1)] + 3, 31))


def test_a_pure_delay_depends_on_the_code_where_the_counter_runs_up_and_down():
    late = design("square", 5, comparator=Comparator(kind="continuous", t_delay_ns=2.3, delay_removed=False))
    ideal, codes = late.target.thresholds, late.target.codes
    x = np.linspace(-1.9, 1.5, 1001)
    x = x[np.abs(x[:, None] - ideal).min(axis=1) > 1e-4]
    change = codes[(x[:, None] >= thresholds(late)[0]).sum(axis=1)] - codes[(x[:, None] >= ideal).sum(axis=1)]
    assert set(change[x < -0.7]) == {-3}
    assert set(change[x > 0.2]) == {3}


@pytest.mark.parametrize("function", ["sigmoid", "gelu", "square"])
def test_a_delay_in_whole_clocks_is_removed_by_a_later_start(function):
    for delay in (0.7, 3.0):
        late = design(function, 5, comparator=Comparator(kind="continuous", t_delay_ns=delay))
        np.testing.assert_allclose(thresholds(late)[0], late.target.thresholds, atol=2e-6)


# ---- ratiometric read

READS = (-0.25, 0.0, 0.25)  # 0.15, 0.20 and 0.25 V


def codes_at(read_voltages, x, **circuit):
    """Codes of the same 200 chips at each read voltage, and their thresholds."""
    device = rj.load_device("taox_paper")
    references = circuit.pop("references", "ratiometric")
    t = []
    for s in read_voltages:
        chips = design("sigmoid", 5, device, operation=Operation(v_read_change_rel=s, references=references), **circuit)
        t.append(thresholds(chips, 200, seed=9))
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
    goal = twin_circuit.sigmoid(5)
    worst, expected = [], []
    for s in READS:
        circuit = Circuit(ramp=ramp, operation=Operation(v_read_change_rel=s))
        worst.append(goal.inl(thresholds(rj.design("sigmoid", 5, device=QUIET, circuit=circuit))[0]))
        expected.append(goal.inl(TwinCircuit(goal, QUIET, circuit).thresholds(1)[0]))
    per_volt = np.abs(worst[2] - worst[0]).max() / 0.1
    assert per_volt == pytest.approx(np.abs(expected[2] - expected[0]).max() / 0.1, rel=1e-3)
    assert per_volt > 1.0


# ---- an extremum


def test_x_squared_can_lose_a_code_at_no_inl():
    """Both thresholds of the extremum in one place, where g is right: INL = 0, the code between them is lost."""
    target = rj.make_target(rj.as_function("square"), 4)
    arrays = jax.tree.map(jnp.asarray, target_arrays(target))
    x = target.thresholds.copy()
    x[14] = x[15]
    chip = metrics.realise(jnp.asarray(np.pad(x, (0, len(arrays.valid) - len(x)), mode="edge"), jnp.float32), arrays)
    assert float(metrics.max_inl_lsb(chip, arrays)) == pytest.approx(0.0, abs=1e-3)
    assert float(metrics.max_err_lsb(chip, arrays)) == pytest.approx(1.0, abs=1e-3)
    assert float(metrics.missing_codes(chip, arrays)) == 1


def test_x_squared_with_its_extremum_moved_by_an_offset():
    """An offset moves both thresholds; where they pass the extremum the worst error is above the worst INL."""
    chips = design("square", 4, comparator=Comparator(sigma_offset_V=0.02))
    goal = twin_circuit.square(4)
    got = measured(chips, 1000, 10, "max_err_lsb", "max_inl_lsb", "missing_codes")
    t = thresholds(chips, 1000, seed=10)
    np.testing.assert_allclose(got[:, 0], goal.max_err(t), atol=5e-3)
    np.testing.assert_allclose(got[:, 1], goal.max_inl(t), atol=1e-3)
    assert (got[:, 0] > got[:, 1] + 0.02).any()
    assert (got[:, 2] > 0).any()


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
    noisy = design("identity", 5, dataclasses.replace(QUIET, **device), **circuit)
    step, once = share(noisy)
    expected = math.sqrt((30 * 31 / 2 * step + 31 * once) / 32)
    assert measured(noisy, 1, 0, "noise_rms_lsb")[0, 0] == pytest.approx(expected, rel=2e-3)


# ---- the costs of short pulses: 8-bit sigmoid in sixteenths of a clock, no programming error, worst INL in LSB

COSTS = {
    "injection of 0.1 fC": (
        {"q_inj_fC": 0.1},
        1,
        {"none": 20.97, "one_point": 6.975, "two_point": 4.04, "ramp_aware": 0.149},
    ),
    "30 ps lost": (
        {"t_loss_ns": 0.03},
        1,
        {"none": 124.2, "one_point": 36.39, "two_point": 19.83, "ramp_aware": 11.60},
    ),
    "1 % of a clock per width": (
        {"sigma_tap_ns": 0.01},
        4000,
        {"one_point": 7.42, "two_point": 4.55, "ramp_aware": 0.44},
    ),
}


@pytest.mark.parametrize("cost", COSTS)
def test_costs_of_short_pulses_are_those_of_brute_force(cost):
    settings, n, table = COSTS[cost]
    for calibration, expected in table.items():
        costly = design("sigmoid", 8, calibration=calibration, pulse_grid=16, ramp=Ramp(**settings))
        got = measured(costly, n, 11, "max_inl_lsb").mean()
        assert got == pytest.approx(expected, rel=0.005 if n == 1 else 0.05), calibration
