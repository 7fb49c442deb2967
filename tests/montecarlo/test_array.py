"""Arrays of columns on shared ramps: closed forms, a brute-force twin, and the formula that is wrong."""

import dataclasses
import functools

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


@functools.cache
def good_given_ramp(of_column, n, n_nodes=121):
    """P(column good | ramp) of n ramps: every ramp with columns at equally spaced errors, weighted by their density."""
    circuit = CASES[of_column]
    sigma = circuit.comparator.sigma_offset_V or circuit.mac.sigma_gain_rel
    twin = TwinCircuit(GOAL, PAPER, circuit, "one_point", seed=1)
    z = np.linspace(-4.5, 4.5, n_nodes)
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
def test_the_yield_of_an_array_is_that_of_its_columns_given_the_ramp(of_column):
    """E_ramp[P(column good | ramp)^N]; p^N is wrong by many standard errors."""
    n = 1500
    p = good_given_ramp(of_column, 3000)
    assert 0.985 < p.mean() < 0.996
    each = p**128
    good = int((worst_inl(dataclasses.replace(CASES[of_column], array=Array(128)), n, 2) <= SPEC).sum())
    assert agrees(good, n, each.mean(), each.std() / np.sqrt(len(p)))
    independent = p.mean() ** 128
    assert abs(good / n - independent) > 10 * np.sqrt(independent * (1 - independent) / n)


@pytest.mark.parametrize("of_column", CASES)
def test_spare_columns_and_several_ramps(of_column):
    """At least 128 good ones of 132 columns, 33 on each of four ramps."""
    n = 1500
    rng = np.random.default_rng(3)
    groups = rng.choice(good_given_ramp(of_column, 3000), (200_000, 4))
    working = rng.binomial(33, groups).sum(axis=1)
    good = int((worst_inl(dataclasses.replace(CASES[of_column], array=Array(128, 4, 4)), n, 2) <= SPEC).sum())
    assert agrees(good, n, np.mean(working >= 128), 0.005)
    assert not agrees(good, n, np.mean(working >= 131), 0.005)


def test_offsets_alone_are_independent():
    """No error of the ramp: p^N is right, p the chance that an offset is inside the spec, and spares are binomial."""
    sigma, n = 0.003, 1500
    one = Circuit(comparator=Comparator(sigma_offset_V=sigma))
    design = rj.design("sigmoid", 5, device=QUIET, circuit=one)
    steep = np.argmin(np.abs(design.target.boundaries - 0.5))
    spec = 2.9 * sigma / design.scale_V * 0.25 * 32  # at the steepest threshold, nearly straight there
    offset = np.linspace(-5, 5, 8001) * sigma
    twin = TwinCircuit(GOAL, QUIET, one)
    v = twin.ramps(1)
    t = twin.inputs_at(np.repeat(v, len(offset), axis=0), np.zeros(len(offset)), offset)
    inside = np.abs(GOAL.inl(t)).max(axis=1) <= spec
    weights = stats.norm.pdf(offset / sigma)
    p = weights[inside].sum() / weights.sum()
    assert t[len(offset) // 2, steep] == pytest.approx(0.0, abs=1e-9)
    assert 0.99 < p < 0.998
    for n_spare, n_ramps in ((0, 1), (4, 4)):
        got = worst_inl(dataclasses.replace(one, array=Array(128, n_spare, n_ramps)), n, 3, QUIET, "none")
        expected = stats.binom.sf(127, 128 + n_spare, p)
        assert stats.binomtest(int((got <= spec).sum()), n, expected).pvalue > 1e-3, (n_spare, n_ramps)


def test_the_worst_needed_column_is_distributed_as_in_the_twin():
    """Eleven columns on three ramps, of which the nine best are needed."""
    circuit = Circuit(
        mac=Mac(sigma_gain_rel=0.01),
        comparator=Comparator(sigma_offset_V=0.008),
        array=Array(n_columns=9, n_spare=2, n_ramps=3),
    )
    n = 4096
    ours = worst_inl(circuit, n, 5)
    twin = TwinCircuit(GOAL, PAPER, circuit, "one_point", seed=4)
    assert stats.ks_2samp(ours, twin.array(2 * n, GOAL.max_inl)).pvalue > 1e-3
    for wrong in (Array(9, 2, 1), Array(9, 1, 3), Array(10, 2, 3)):
        other = TwinCircuit(GOAL, PAPER, dataclasses.replace(circuit, array=wrong), "one_point", seed=6)
        assert stats.ks_2samp(ours, other.array(2 * n, GOAL.max_inl)).pvalue < 1e-3
