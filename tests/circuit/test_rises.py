"""Which codes a ramp has: decided on its steps, against counting in float64 and in closed form."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from shared_kernels import measured, simulate

import rampjax as rj
from rampjax.circuit.blocks import Circuit, Comparator, Ramp
from rampjax.circuit.design import lay_out
from rampjax.circuit.seen import count_rises

QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
MISSING = ("missing_codes", "max_err_lsb")


def stuck(probability):
    return dataclasses.replace(QUIET, stuck_off_prob=probability, g_stuck_off_uS=0.0)


def missing(design, n=1, **structure):
    return measured(design, 3, MISSING, n, **structure)[:, 0]


@pytest.mark.parametrize("calibration", ["none", "one_point", "two_point"])
def test_a_ramp_of_dead_devices_has_two_codes(calibration):
    """All steps are 0: 30 of 32 codes are missing, whatever rounding makes of sums and corrections."""
    assert missing(rj.design("sigmoid", 5, device=stuck(1.0), calibration=calibration), 8).tolist() == [30] * 8


def test_a_tenth_of_dead_devices_lose_as_many_codes():
    lost = missing(rj.design("sigmoid", 5, device=stuck(0.1)), 4096)
    assert (
        stats.chisquare(
            np.bincount(lost.astype(int), minlength=31)[:9],
            stats.binom.pmf(np.arange(9), 30, 0.1) * len(lost) * (lost < 9).mean() / stats.binom.cdf(8, 30, 0.1),
        ).pvalue
        > 1e-3
    )
    assert lost.mean() == pytest.approx(3.0, abs=0.1)
    assert (lost == 0).mean() == pytest.approx(0.9**30, abs=0.012)


def falling(bits, q_inj_fC):
    """Codes that no input gets where every pulse takes charge away, in float64."""
    b = np.arange(1, 2**bits) / 2**bits
    t = np.log(b / (1 - b))
    steps_V = np.diff(t) * 0.5 / t[-1]
    steps_V += q_inj_fC * steps_V.max() / (150.0 * 0.2)
    levels, highest, lost = np.concatenate([[0.0], np.cumsum(steps_V)]), 0.0, 0
    for level in levels[1:]:
        lost += level <= highest
        highest = max(highest, level)
    return lost


@pytest.mark.parametrize(("bits", "q_inj_fC", "lost"), [(8, -2.0, 231), (8, -1.0, 190), (5, -10.0, 26)])
def test_a_ramp_that_falls_has_the_codes_of_its_new_heights(bits, q_inj_fC, lost):
    assert falling(bits, q_inj_fC) == lost
    circuit = Circuit(ramp=Ramp(q_inj_fC=q_inj_fC))
    assert missing(rj.design("sigmoid", bits, device=QUIET, circuit=circuit)) == [lost]


@pytest.mark.parametrize("ramp", [Ramp(opamp_gain=200.0), Ramp(tau_settle_ns=0.01, v_os_V=0.001)])
def test_a_dead_device_makes_no_step_behind_a_real_amplifier_either(ramp):
    settled = missing(rj.design("sigmoid", 5, device=stuck(1.0), circuit=Circuit(ramp=ramp)), 4)
    assert settled.tolist() == [30] * 4


def test_what_lags_still_rises_over_a_dead_device():
    """A pre-amplifier that has not arrived goes on rising while its input stands still: the code is there."""
    design = rj.design("sigmoid", 5, device=stuck(0.1))
    strobed = dataclasses.replace(
        design,
        circuit=Circuit(comparator=Comparator(kind="strobed", tau_preamp_ns=0.2)),
        calibration=design.calibration,
    )
    assert missing(design, 256).mean() > 2
    # A device at the very start leaves nothing to arrive.
    assert missing(strobed, 256).max() <= 2


def test_a_step_of_several_devices_is_lost_only_when_all_are_dead():
    design = rj.design("tanh", 4, device=stuck(0.3))
    layout = dataclasses.replace(design.layout, n_devices=np.full(14, 2), c_int_fF=design.layout.c_int_fF * 2)
    doubled = lay_out(design.target, design.column, design.device, design.circuit, design.calibration, layout)
    assert missing(design, 4096).mean() == pytest.approx(14 * 0.3, rel=0.05)
    assert missing(doubled, 4096).mean() == pytest.approx(14 * 0.09, rel=0.08)


def test_a_column_run_at_fewer_bits_needs_one_living_device_between_thresholds():
    design = rj.design("sigmoid", 3, device=stuck(0.5), column_bits=5, circuit=Circuit(pulse_grid=4))
    assert missing(design, 4096).mean() == pytest.approx(6 / 16, rel=0.1)


def test_counting_rises():
    rises = count_rises(jnp.array([0.0, 1.0, 0.0, -2.0, 1.5, 0.5, 1e-9, 3.0], jnp.float32))
    assert rises.tolist() == [0, 1, 1, 1, 1, 1, 2, 3]


def test_quantiles_of_counts_are_whole():
    statistics = simulate(rj.design("sigmoid", 5, device=stuck(0.1)), 3, MISSING, 512).statistics
    for q in (0.01, 0.05, 0.5, 0.95, 0.99):
        value = statistics.quantile("missing_codes", q)
        assert value == round(value) >= 0
