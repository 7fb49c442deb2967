"""All contenders of a job compute the same, at sizes too small to time anything."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from rampjax.bench import conversions, static_path
from rampjax.bench.contender import Contender, agree, apart_in_errors, time_contenders
from rampjax.bench.cores import Cores
from rampjax.bench.floors import floors, normals_per_chip
from rampjax.bench.host_column import host_column, worst_inl_lsb

REFERENCE = {"none": {4: 0.1748, 5: 0.5052}, "ramp_aware": {4: 0.0911, 5: 0.2008}}  # brute force, mean worst INL


@pytest.fixture(scope="module")
def cores():
    with ThreadPoolExecutor(2) as pool:
        yield Cores(pool, 2)


def test_every_floor_draws_normals(cores):
    for floor in floors(3, cores, scale=0.02):
        drawn = floor.sample(1)
        assert len(drawn) >= floor.units
        assert stats.kstest(drawn, "norm").pvalue > 1e-3, floor.name
        floor.call(2)


def test_a_long_column_takes_several_lanes(cores):
    (fused,) = (floor for floor in floors(7, cores, scale=0.001) if floor.name == "Threefry and erfinv, fused")
    assert normals_per_chip(7) == 126
    drawn = fused.sample(0)
    assert len(drawn) == 4 * fused.units
    assert abs(drawn.var() - 1) < 0.2


@pytest.mark.parametrize("calibration", ["none", "ramp_aware"])
def test_host_column_meets_the_reference(calibration):
    for bits, expected in REFERENCE[calibration].items():
        column = host_column(static_path.make_design(bits))
        worst = worst_inl_lsb(column, 20_000, 1, 0, calibration == "ramp_aware")
        assert abs(worst.mean() - expected) < 4 * worst.std() / np.sqrt(len(worst)) + 1e-4


def test_conversions_without_noise_are_equal(cores):
    first, *others = conversions.conversions(4, "none", cores, scale=0.01)
    codes = first.sample(0)
    assert len(codes) == first.units
    assert 0 < np.abs(codes).mean() < 1
    for other in others:
        np.testing.assert_array_equal(other.sample(0), codes)


def test_noise_adds_up_along_the_ramp(cores):
    """Of a chip with equal thresholds all bits of a code depend on one comparison, whose noise grows like a walk."""
    job = conversions.Job(
        x=np.zeros(4_000, np.float32),
        thresholds=np.full((1, 4), 0.5, np.float32) * np.array([-1e3, -1e3, -1e3, 1], np.float32),
        codes=np.arange(5, dtype=np.int32),
        sigma_x=np.float32(0),
        step_sigma_x=np.float32(0.5),
    )
    share = np.mean(conversions._compare_every_step(job, 1, 0) == 4)
    expected = stats.norm.sf(0.5 / (0.5 * np.sqrt(3)))  # the last level has three reads below it
    assert abs(share - expected) < 4 * np.sqrt(expected / 4_000)


def test_disagreement_is_seen():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 20_000))
    assert agree(apart_in_errors(a, b))
    assert not agree(apart_in_errors(a, b + 0.1))
    assert not agree(apart_in_errors(a, 1.1 * b))
    assert apart_in_errors(a, a) == 0


def test_contenders_are_interleaved():
    calls, steps = [], []

    def contender(name):
        return Contender(name, 10, lambda seed: calls.append(name), lambda seed: np.zeros(1))

    timings = time_contenders(
        [contender("a"), contender("b")], 1e-9, lambda done, total, text: steps.append((done, total)), rounds=3
    )
    assert "".join(calls) == "aa" + "bb" + "ababab"
    assert [t.name for t in timings] == ["a", "b"]
    assert all(len(t.rates) == 3 and t.best >= t.median > 0 for t in timings)
    assert steps == [(i, 8) for i in range(9)]
