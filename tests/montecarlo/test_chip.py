"""One sampled chip is the one that a run simulates under its number."""

import numpy as np
import pytest

import rampjax as rj
from rampjax.circuit.blocks import Circuit, Comparator, Mac, Ramp
from rampjax.montecarlo.chip import sample_chip

CIRCUIT = Circuit(
    n_bias=6,
    ramp=Ramp(sigma_c_int_rel=0.01, sigma_v_os_V=0.001, opamp_gain=500.0),
    mac=Mac(sigma_gain_rel=0.01),
    comparator=Comparator(sigma_offset_V=0.002),
)


@pytest.mark.parametrize("calibration", ["none", "redundant:3+one_point", "ramp_aware"])
def test_a_chip_is_the_sample_of_its_number(calibration):
    design = rj.design("sigmoid", 4, calibration=calibration, circuit=CIRCUIT)
    kept = rj.simulate(design, 20, seed=2**40 + 3).kept
    for sample in (0, 17):
        chip = sample_chip(design, 2**40 + 3, sample)
        np.testing.assert_allclose(chip.thresholds, kept[sample, 0, :15], atol=2e-6)
        np.testing.assert_allclose(chip.v_ramp_V, kept[sample, 1, :15], atol=1e-6)
        assert chip.g_uS.shape == (6 + 14,)


def test_a_chip_brings_what_was_drawn_for_it():
    chips = [sample_chip(rj.design("tanh", 3, circuit=CIRCUIT), 1, n) for n in (0, 1)]
    assert chips[0].ramp.errors.c_int_rel != chips[1].ramp.errors.c_int_rel
    assert chips[0].front.gain_rel != chips[1].front.gain_rel
    plain = sample_chip(rj.design("tanh", 3), 1, 0)
    assert plain.ramp.errors is None
    assert plain.front is None


@pytest.mark.parametrize(("seed", "sample"), [(-1, 0), (1, -1), (1, 2**62)])
def test_a_number_out_of_range_is_refused(seed, sample):
    with pytest.raises(rj.InputError, match=r"`(seed|sample)` must be"):
        sample_chip(rj.design("tanh", 3), seed, sample)
