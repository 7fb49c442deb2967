"""Arrays of columns on shared ramps: closed forms, a brute-force twin, and the formula that is wrong."""

import dataclasses

import numpy as np
import pytest
import twin_circuit
from scipy import stats
from twin_circuit import TwinCircuit

import rampjax as rj
from rampjax.circuit.blocks import Array, Circuit, Comparator, Mac

PAPER = rj.load_device("taox_paper")
QUIET = rj.load_device("taox_paper", sigma_prog_uS=0.0, sigma_read_uS=0.0)
GOAL = twin_circuit.sigmoid(5)
SPEC = 0.8


def worst_inl(circuit, n, seed, device=PAPER, calibration="one_point"):
    design = rj.design("sigmoid", 5, device=device, calibration=calibration, circuit=circuit)
    return rj.simulate(design, n, seed=seed, measures=("max_inl_lsb",), save_samples=True).measures[:, 0]


def good_given_ramp(twin, n, of_column, sigma, n_nodes=241):
    """P(column good | ramp) of n ramps: every ramp with columns at equally spaced errors, weighted by their density."""
    z = np.linspace(-5, 5, n_nodes)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    v = twin.effective(twin.lagged(twin.ramps(n)))
    zero, p = np.zeros(n), np.zeros(n)
    for at, weight in zip(z, weights, strict=True):
        eps, offset = (zero + at * sigma, zero) if of_column == "gain" else (zero, zero + at * sigma)
        p += weight * (GOAL.max_inl(twin.inputs_at(v, eps, offset)) <= SPEC)
    return np.minimum(p, 1.0)


CASES = {
    "offset": Circuit(comparator=Comparator(sigma_offset_V=0.003)),
    "gain": Circuit(mac=Mac(sigma_gain_rel=0.02)),
}


def agrees(good, n, expected, spread):
    """A count against a probability that is itself an estimate with standard error `spread`."""
    error = np.sqrt(expected * (1 - expected) / n + spread**2)
    return abs(good / n - expected) < 4 * error


@pytest.mark.parametrize("of_column", CASES)
@pytest.mark.parametrize(("n_columns", "n_spare", "n_ramps"), [(128, 0, 1), (128, 4, 1), (128, 0, 4)])
def test_the_yield_of_an_array_is_that_of_its_columns_given_the_ramp(of_column, n_columns, n_spare, n_ramps):
    circuit = dataclasses.replace(CASES[of_column], array=Array(n_columns, n_spare, n_ramps))
    sigma = circuit.comparator.sigma_offset_V or circuit.mac.sigma_gain_rel
    n = 4000
    p = good_given_ramp(TwinCircuit(GOAL, PAPER, circuit, "one_point", seed=1), n, of_column, sigma)
    assert 0.985 < p.mean() < 0.996
    each = stats.binom.sf(n_columns // n_ramps - 1, n_columns // n_ramps + n_spare, p)
    expected, spread = each.mean() ** n_ramps, n_ramps * each.std() / np.sqrt(n)
    good = int((worst_inl(circuit, n, 2) <= SPEC).sum())
    assert agrees(good, n, expected, spread)
    if n_spare == 0:
        independent = p.mean() ** n_columns
        assert abs(good / n - independent) > 10 * np.sqrt(independent * (1 - independent) / n)


def test_offsets_alone_are_independent():
    """No error of the ramp: p^N is right, with p the chance that an offset is inside the spec, and spares are binomial."""
    sigma, n = 0.003, 6000
    one = Circuit(comparator=Comparator(sigma_offset_V=sigma))
    design = rj.design("sigmoid", 5, device=QUIET, circuit=one)
    steep = np.argmin(np.abs(design.target.boundaries - 0.5))
    spec = 2.2 * sigma / design.scale_V * 0.25 * 32  # at the steepest threshold, nearly straight there
    offset = np.linspace(-5, 5, 20_001) * sigma
    twin = TwinCircuit(GOAL, QUIET, one)
    v = twin.ramps(1)
    t = twin.inputs_at(np.repeat(v, len(offset), axis=0), np.zeros(len(offset)), offset)
    inside = np.abs(GOAL.inl(t)).max(axis=1) <= spec
    weights = stats.norm.pdf(offset / sigma)
    p = weights[inside].sum() / weights.sum()
    assert t[len(offset) // 2, steep] == pytest.approx(0.0, abs=1e-9)
    assert 0.95 < p < 0.99
    for n_spare, n_ramps in ((0, 1), (2, 1), (0, 3)):
        got = worst_inl(dataclasses.replace(one, array=Array(30, n_spare, n_ramps)), n, 3, QUIET, "none")
        expected = stats.binom.sf(29, 30 + n_spare, p)
        assert stats.binomtest(int((got <= spec).sum()), n, expected).pvalue > 1e-3, (n_spare, n_ramps)


@pytest.mark.parametrize(("n_spare", "n_ramps"), [(0, 1), (3, 1), (2, 3)])
def test_the_worst_needed_column_is_distributed_as_in_the_twin(n_spare, n_ramps):
    circuit = Circuit(
        mac=Mac(sigma_gain_rel=0.01),
        comparator=Comparator(sigma_offset_V=0.008),
        array=Array(n_columns=9, n_spare=n_spare, n_ramps=n_ramps),
    )
    n = 6000
    twin = TwinCircuit(GOAL, PAPER, circuit, "ramp_aware", seed=4)
    theirs = twin.array(n, GOAL.max_inl)
    ours = worst_inl(circuit, n, 5, calibration="ramp_aware")
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3
    wrong = dataclasses.replace(circuit, array=Array(n_columns=8, n_spare=n_spare, n_ramps=n_ramps))
    assert (
        stats.ks_2samp(ours, TwinCircuit(GOAL, PAPER, wrong, "ramp_aware", seed=6).array(n, GOAL.max_inl)).pvalue < 1e-2
    )
