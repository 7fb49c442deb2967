from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import write_twin
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rampjax.checks import InputError
from rampjax.circuit.device import Device, shift_at
from rampjax.circuit.programming import ProgrammingParams, draw_programming, program, realise_conductance
from rampjax.circuit.write_verify import pulse_energy_fJ, write_params, write_verify
from rampjax.config.build import build_device
from rampjax.config.devices import device_names, load_device

PRESETS = {name: build_device(config) for name in device_names() if (config := load_device(name)).write is not None}
PAPER, READOUT, READC = (PRESETS[name] for name in ("taox_paper", "hku_hpe_taox_2026", "hku_taox_readc_2025"))
PULSES, COMPLIANCE = PAPER.write, READC.write
PLAIN, N_LOW = ProgrammingParams(None, jnp.float32(0.0)), 20_000
TARGETS = (100.0, 150.0, 200.0, 250.0, 300.0, 350.0, 400.0)


@partial(jax.jit, static_argnames=("scheme", "n"))
def _many(seed, aim, device, write, averaging, scheme, n):
    keys = jax.random.split(jax.random.key(seed), n)
    return jax.vmap(lambda key: write_verify(key, aim, device, write, scheme, averaging))(keys)


def many(device, aim, n, averaging=0.0, seed=1):
    """Devices written to one target, as NumPy arrays."""
    arguments = (device.params(), write_params(device.write), jnp.float32(averaging))
    return jax.tree.map(np.asarray, _many(seed, jnp.float32(aim), *arguments, device.write.scheme, n))


def twin_pulses(device, aim, n, **options):
    write = device.write
    return write_twin.pulses(
        aim, n, start=(device.g_min_uS, device.g_max_uS), tol=write.tolerance_uS, most=write.max_pulses,
        set_step=write.set_uS, reset_step=write.reset_uS, bound=write.bound_uS, rel=write.spread_rel,
        v=(write.v_set_V, write.v_reset_V), t=write.t_write_ns, mean=write.readout_mean_uS,
        sigma=write.readout_sigma_uS, **options,
    )  # fmt: skip


def twin_compliance(device, aim, n, **options):
    write = device.write
    return write_twin.compliance(
        aim, n, tol=write.tolerance_uS, most=write.max_pulses, g_reset=write.g_reset_uS, gain=write.gain_per_V,
        rel=write.spread_rel, spread=write.spread_uS, **options,
    )  # fmt: skip


def same_distribution(a, b):
    return stats.ks_2samp(np.asarray(a, float), np.asarray(b, float)).pvalue > 1e-3


@pytest.mark.parametrize("aim", [100.0, 250.0, 400.0])
def test_a_mixture_has_the_mean_and_sigma_of_a_loop_that_gives_some_devices_up(aim):
    """ReADC: verified devices alone have 2.77 µS, all of them 2.9 to 11.6 µS, by the few that end unverified."""
    n, device = 200_000, READC.params()
    draw = draw_programming(jax.random.key(3), jax.random.key(4), (n,), None, device)
    plain = np.asarray(program(draw, jnp.full(n, aim), None, device, PLAIN, None)[0], float)
    written = many(READC, aim, n)
    g = np.asarray(written.g_uS, float)
    assert abs(plain.mean() - g.mean()) < 0.05 * g.std()
    assert plain.std() == pytest.approx(g.std(), rel=0.05)
    assert g.std() > 1.04 * g[written.verified].std()
    assert float(shift_at(device.failed.prob, jnp.float32(aim))) == pytest.approx(1 - written.verified.mean(), rel=0.15)


def test_below_its_window_a_loop_ends_higher_than_a_clipped_normal_error():
    """Targets below 4.6 µS of taox_paper: the loop stops anywhere from 0 to aim + tolerance, on average about
    (tolerance - aim) / 2 high; plain mode moves what a normal error takes below 0, Phi(-aim / sigma), to 0 µS.
    """
    aim, sigma = 2.0, 2.67
    z = jax.random.normal(jax.random.key(2), (N_LOW,))
    plain = np.asarray(realise_conductance(z, jnp.full(N_LOW, aim), PAPER.params()), float)
    written = many(PAPER, aim, N_LOW)
    g = np.asarray(written.g_uS, float)
    at_0 = stats.norm.cdf(-aim / sigma)
    assert (plain == 0).mean() == pytest.approx(at_0, abs=0.01)
    assert plain.mean() - aim == pytest.approx(sigma * stats.norm.pdf(aim / sigma) - aim * at_0, abs=0.05)  # +0.35
    assert g.mean() - aim == pytest.approx((PULSES.tolerance_uS - aim) / 2, rel=0.15)  # +1.2
    assert g.mean() - aim == pytest.approx(1.2, abs=0.05)
    assert (g == 0).mean() < 0.75 * at_0  # by RESETs that take all of it
    assert g.max() <= aim + PULSES.tolerance_uS
    assert (plain > aim + PULSES.tolerance_uS).mean() > 0.03
    assert written.verified.all()


@pytest.mark.parametrize("name", PRESETS)
def test_write_verify_agrees_with_plain_programming_in_mean_and_sigma_within_5_percent(name):
    device = PRESETS[name]
    lowest = max(device.g_min_uS, 10.0)  # below, each mode is clipped at 0 in its own way: see the next test
    for aim in np.linspace(lowest, device.g_max_uS, 7):
        plain = realise_conductance(
            jax.random.normal(jax.random.key(2), (20_000,)), jnp.full(20_000, aim), device.params()
        )
        mean, sigma = float(plain.mean()), float(plain.std())
        written = many(device, aim, 20_000)
        g = written.g_uS[written.verified]
        assert abs(g.mean() - mean) < 0.05 * sigma
        assert abs(g.std() / sigma - 1) < 0.05
        assert written.verified.mean() > 0.97


def test_near_zero_both_modes_are_clipped_in_their_own_way():
    # Half of the window lies below 0 µS: the loop ends in its upper half, plain programming has a lump at exactly 0.
    written = many(PAPER, 0.0, 20_000)
    assert written.verified.all()
    assert written.g_uS.min() >= 0.0
    assert written.g_uS.max() <= PULSES.tolerance_uS
    assert 1.5 < written.g_uS.mean() < 2.5  # plain: 1.07 µS


def test_the_compliance_scheme_has_the_published_statistics_of_iterations():
    # Published: 5.57 iterations on average per success, 91.6 % reach the target within 10.
    runs = [many(READC, aim, 20_000, averaging=1.0) for aim in TARGETS]
    iterations, verified = (np.concatenate([getattr(run, name) for run in runs]) for name in ("n_pulses", "verified"))
    assert iterations.max() == 20
    assert abs(iterations[verified].mean() - 5.57) < 0.1
    assert abs((verified & (iterations <= 10)).mean() - 0.916) < 0.007
    assert 0.01 < 1 - verified.mean() < 0.02


@pytest.mark.parametrize("aim", [100.0, 250.0, 400.0])
def test_compliance_has_the_distribution_of_an_independent_twin(aim):
    written = many(READC, aim, 20_000, averaging=1.0)
    g, count, verified = twin_compliance(READC, aim, 20_000, read=0.14)
    assert same_distribution(written.g_uS, g)
    assert same_distribution(written.n_pulses, count)
    assert stats.ttest_ind(written.verified.astype(float), verified.astype(float)).pvalue > 1e-3


@pytest.mark.parametrize(
    ("device", "aim", "averaging"), [(PAPER, 10.0, 0.0), (PAPER, 120.0, 1.0), (PAPER, 60.0, 0.25), (READOUT, 5.0, 0.0)]
)
def test_pulses_have_the_distribution_of_an_independent_twin(device, aim, averaging):
    written = many(device, aim, 20_000, averaging)
    g, count, verified, energy = twin_pulses(device, aim, 20_000, read=averaging * device.sigma_read_uS[0])
    assert same_distribution(written.g_uS, g)
    assert same_distribution(written.n_pulses, count)
    assert same_distribution(written.energy_fJ, energy)
    assert written.verified.mean() == pytest.approx(verified.mean(), abs=1e-3)


def test_a_conductance_uniform_in_the_window_has_sigma_tolerance_over_root_3_and_the_test_can_fail():
    # Steps much wider than the window land in it anywhere.
    wide = replace(PULSES, tolerance_uS=2.0, max_pulses=1000, set_uS=80.0, reset_uS=160.0, spread_rel=0.8)
    g = many(replace(PAPER, write=wide), 75.0, 20_000).g_uS
    assert g.std() == pytest.approx(2.0 / np.sqrt(3.0), rel=0.02)
    assert stats.kstest(g, stats.uniform(73.0, 4.0).cdf).pvalue > 1e-3
    wrong = replace(wide, tolerance_uS=2.1)
    assert (
        stats.kstest(many(replace(PAPER, write=wrong), 75.0, 20_000).g_uS, stats.uniform(73.0, 4.0).cdf).pvalue < 1e-6
    )


def test_a_noisy_verify_read_widens_what_the_window_lets_through():
    # The read is uniform in the window and the conductance is off the read by the read noise, nearly.
    sigmas = [many(PAPER, 75.0, 20_000, averaging).g_uS.std() for averaging in (0.0, 0.25, 1.0)]
    assert sigmas[0] < sigmas[1] < sigmas[2]
    assert sigmas[2] == pytest.approx(np.hypot(2.67, 3.5), rel=0.05)


def test_tiny_steps_without_noise_end_at_the_near_edge_of_the_window():
    tiny = replace(PULSES, max_pulses=10_000, spread_rel=0.0, set_uS=0.4, reset_uS=0.4)
    written = many(replace(PAPER, write=tiny), 75.0, 1_000)
    error = written.g_uS - 75.0
    moved = written.n_pulses > 0
    assert written.verified.all()
    assert (np.abs(error) <= 4.625).all()
    assert (np.abs(error[moved]) > 4.625 - 0.4).all()
    assert {-1.0, 1.0} == set(np.sign(error[moved]))


@pytest.mark.parametrize("device", [PAPER, READC], ids=lambda device: device.name)
def test_zero_tolerance_never_verifies_and_uses_every_pulse(device):
    write = replace(device.write, tolerance_uS=0.0)
    written = many(replace(device, write=write), 120.0, 1_000)
    assert not written.verified.any()
    assert (written.n_pulses == write.max_pulses).all()


def written_by_hand(g, aim, write):
    """Pulses without spread, one after the other: conductance, number, energy."""
    n, energy = 0, 0.0
    while abs(g - aim) > write.tolerance_uS:
        step = write.set_uS * (1 - g / write.bound_uS) if g < aim else -write.reset_uS * g / write.bound_uS
        voltage = write.v_set_V if g < aim else write.v_reset_V
        energy += voltage**2 * write.t_write_ns * (g + g + step) / 2
        g, n = g + step, n + 1
    return g, n, energy


def test_energy_and_pulses_of_a_known_sequence():
    still = replace(PULSES, spread_rel=0.0, tolerance_uS=1.0, set_uS=33.0)
    device = Device("five", 5.0, 5.0, 0.2, (0.0,), write=still)  # it begins at 5 µS
    written = many(device, 60.0, 8)
    g, n, energy = written_by_hand(5.0, 60.0, still)
    assert n > 3
    assert int(written.n_pulses[0]) == n
    np.testing.assert_allclose([written.g_uS[0], written.energy_fJ[0]], [g, energy], rtol=1e-5)
    assert float(pulse_energy_fJ(*map(jnp.float32, (2.0, 10.0, 30.0, 50.0)))) == 4.0 * 20.0 * 50.0


def test_a_compliance_sequence_without_spread_halves_the_distance_and_later_goes_slower():
    still = replace(COMPLIANCE, spread_rel=0.0, spread_uS=0.0, gain_per_V=1.0, n_early=3)
    written = many(replace(READC, write=still), 210.0, 8)
    distances = [160.0, 80.0, 40.0, 20.0, 15.0, 11.25, 8.4375, 6.328125, 4.74609375]
    assert written.verified[0]
    assert int(written.n_pulses[0]) == len(distances) - 1
    np.testing.assert_allclose(written.g_uS[0], 210.0 - distances[-1], rtol=1e-6)
    levels = 210.0 - np.array(distances)
    np.testing.assert_allclose(written.energy_fJ[0], 1000.0 * (levels[:-1] + levels[1:]).sum() / 2, rtol=1e-5)


def test_a_compliance_sequence_that_always_overshoots_is_reset_each_time_and_left_where_it_is():
    still = replace(COMPLIANCE, spread_rel=0.0, spread_uS=0.0, gain_per_V=2.4, n_early=20)
    written = many(replace(READC, write=still), 250.0, 8)
    assert not written.verified[0]
    assert int(written.n_pulses[0]) == 20
    np.testing.assert_allclose(written.g_uS[0], 290.0, rtol=1e-6)
    energy = 1000.0 * (50.0 + 290.0) / 2 * (20 * 1.0**2 + 19 * 1.2**2)
    np.testing.assert_allclose(written.energy_fJ[0], energy, rtol=1e-5)


def test_a_target_below_what_a_reset_reaches_ends_without_a_set():
    written = many(READC, 5.0, 1_000)
    assert (written.n_pulses < 20).all()
    assert not written.verified.all()
    assert np.isfinite(written.energy_fJ).all()


def test_a_conductance_stays_between_zero_and_the_ceiling():
    rough = replace(READOUT.write, readout_sigma_uS=30.0, spread_uS=40.0)
    g = many(replace(READOUT, write=rough, g_ceiling_uS=160.0), 140.0, 20_000).g_uS
    assert g.max() == 160.0
    assert many(replace(READOUT, write=rough), 5.0, 20_000).g_uS.min() == 0.0


@pytest.mark.parametrize("device", [PAPER, READC], ids=lambda device: device.name)
def test_compiled_mapped_and_scanned_agree_with_eager_ones(device):
    params, write, averaging = device.params(), write_params(device.write), jnp.float32(0.5)
    aims = jnp.array([120.0, 150.0], jnp.float32)
    keys = jax.random.split(jax.random.key(4), (2, 2))

    def one(key, aim):
        return write_verify(key, aim, params, write, device.write.scheme, averaging)

    def scanned(row):
        return jax.lax.scan(lambda carry, x: (carry, one(*x)), 0, (row, aims))[1]

    with jax.disable_jit():
        singly = [[one(key, aim) for key, aim in zip(row, aims, strict=True)] for row in keys]
    mapped = jax.jit(jax.vmap(jax.vmap(one), in_axes=(0, None)))(keys, aims)
    in_scan = jax.jit(jax.vmap(scanned))(keys)
    for name in mapped._fields:
        expected = np.array([[np.asarray(getattr(w, name)) for w in row] for row in singly])
        np.testing.assert_allclose(getattr(mapped, name), expected, rtol=1e-5)
        np.testing.assert_allclose(getattr(in_scan, name), expected, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1), aim=st.floats(0.0, 150.0), tolerance=st.floats(0.5, 20.0),
    wider=st.floats(1.0, 3.0), step=st.floats(1.0, 80.0), most=st.integers(1, 60),
)  # fmt: skip
def test_a_wider_window_and_more_pulses_never_hurt(seed, aim, tolerance, wider, step, most):
    narrow = replace(PULSES, tolerance_uS=tolerance, set_uS=step, reset_uS=2 * step, max_pulses=most)

    def run(write):
        return many(replace(PAPER, write=write), aim, 8, seed=seed)

    base, wide, longer = (
        run(narrow),
        run(replace(narrow, tolerance_uS=tolerance * wider)),
        run(replace(narrow, max_pulses=2 * most)),
    )
    assert (np.abs(base.g_uS - np.float32(aim)) <= np.float32(tolerance))[base.verified].all()
    assert ((base.n_pulses == most) | base.verified).all()
    assert ((base.energy_fJ > 0) == (base.n_pulses > 0)).all()
    assert (wide.n_pulses <= base.n_pulses).all()
    assert (wide.energy_fJ <= base.energy_fJ).all()
    assert (wide.verified >= base.verified).all()
    assert (longer.n_pulses >= base.n_pulses).all()
    assert (longer.verified >= base.verified).all()
    np.testing.assert_array_equal(longer.g_uS[base.verified], base.g_uS[base.verified])


@pytest.mark.parametrize(
    ("write", "change", "message"),
    [
        (PULSES, {"bound_uS": None}, "`bound_uS` is needed by the write-verify scheme `pulses`."),
        (PULSES, {"gain_per_V": 1.0}, "`gain_per_V` is not one of the write-verify scheme `pulses`."),
        (COMPLIANCE, {"n_early": None}, "`n_early` is needed by the write-verify scheme `compliance`."),
        (COMPLIANCE, {"set_uS": 5.0}, "`set_uS` is not one of the write-verify scheme `compliance`."),
    ],
)
def test_a_figure_of_the_other_scheme_or_a_missing_one_is_refused(write, change, message):
    with pytest.raises(InputError, match=message):
        replace(write, **change)
