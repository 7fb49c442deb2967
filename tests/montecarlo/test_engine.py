"""The engine: same bits whatever the chunks, devices and interruptions; one trace per kernel; exact statistics."""

from dataclasses import dataclass
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import rampjax as rj
from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.config.sections import COUNT_YIELDS, YieldMeasure
from rampjax.metrics import COUNTS, MEASURES
from rampjax.montecarlo.chunks import ChunkFolder
from rampjax.montecarlo.column import ColumnModel
from rampjax.montecarlo.engine import BLOCK, run, trace_counts
from rampjax.montecarlo.keys import sample_key, study_key
from rampjax.montecarlo.statistics import Statistics

NAMES = ("max_inl_lsb", "rmse_lsb", "noise_rms_lsb")


@dataclass(frozen=True)
class Normals:
    """A toy model: two normals and a value that is not finite now and then."""

    names: tuple[str, ...] = ("a", "b")
    width: int = 2**11

    def __call__(self, key, params):
        z = jnp.abs(jax.random.normal(key, (2,)))
        return jnp.where(z > params["largest"], jnp.nan, z * params["scale"]), z


PARAMS = {"largest": np.float32(np.inf), "scale": np.float32(1.0)}


def column(calibration="ramp_aware+redundant:2", function="sigmoid", bits=4, sigma=2.67, names=NAMES):
    device = rj.load_device("taox_paper", sigma_prog_uS=sigma)
    design = rj.design(function, bits, device=device, calibration=calibration)
    params = converter_params(design)
    return ColumnModel(column_structure(design), names, len(params.v_target_V)), params


def assert_same_bits(a, b):
    np.testing.assert_array_equal(a.measures, b.measures)
    np.testing.assert_array_equal(a.kept, b.kept)
    for field in ("total", "square", "counts", "n_samples", "n_not_finite"):
        np.testing.assert_array_equal(getattr(a.statistics, field), getattr(b.statistics, field))


@pytest.fixture(scope="module")
def whole():
    model, params = column()
    return run(model, params, n_samples=10_001, seed=7, n_keep=300, save_samples=True, devices=jax.devices()[:1])


@pytest.mark.parametrize("chunks", [1, 7, 40])
@pytest.mark.parametrize("n_devices", [1, 2])
def test_same_bits_whatever_the_chunks_and_devices(whole, chunks, n_devices):
    model, params = column()
    count = -(-10_001 // chunks)
    done = []
    other = run(
        model,
        params,
        n_samples=10_001,
        seed=7,
        n_keep=300,
        save_samples=True,
        chunk_samples=count,
        devices=jax.devices()[:n_devices],
        progress=done.append,
    )
    assert len(done) == -(-10_001 // (-(-count // BLOCK["cpu"]) * BLOCK["cpu"]))
    assert sum(done) == 10_001
    assert_same_bits(whole, other)


def test_a_sample_depends_on_the_seed_and_its_number_alone():
    short, long = (run(Normals(), PARAMS, n_samples=n, seed=3, save_samples=True) for n in (100, 5000))
    np.testing.assert_array_equal(long.measures[:100], short.measures)
    other = run(Normals(), PARAMS, n_samples=100, seed=4, save_samples=True)
    assert not np.any(other.measures == short.measures)
    assert len(np.unique(long.measures)) > 9990


def test_samples_beyond_2_to_the_32_have_streams_of_their_own():
    base = study_key(0)
    words = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    keys = [tuple(jax.random.key_data(sample_key(base, jnp.uint32(hi), jnp.uint32(lo))).tolist()) for hi, lo in words]
    assert len(set(keys)) == len(words)
    seeds = {tuple(jax.random.key_data(study_key(seed)).tolist()) for seed in (0, 1, 2**32, 2**32 + 1, 2**63 - 1)}
    assert len(seeds) == 5


def test_an_interrupted_run_continues_to_the_same_bits(tmp_path):
    reference = run(Normals(), PARAMS, n_samples=5000, seed=1, n_keep=700, save_samples=True)

    class KilledError(RuntimeError):
        pass

    finished = []

    def kill_after_two(count):
        finished.append(count)
        if len(finished) == 2:
            raise KilledError

    options = {"n_samples": 5000, "seed": 1, "n_keep": 700, "save_samples": True, "chunk_samples": 512}
    with pytest.raises(KilledError):
        run(Normals(), PARAMS, **options, store=ChunkFolder(tmp_path), progress=kill_after_two)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    stamps = [file.stat().st_mtime_ns for file in files]
    files[1].write_bytes(files[1].read_bytes()[:100])  # a file that cannot be read is simulated again
    (tmp_path / "chunk_000000000001024_512.tmp").write_bytes(b"left over")
    resumed = run(Normals(), PARAMS, **options, store=ChunkFolder(tmp_path))
    assert_same_bits(reference, resumed)
    assert files[0].stat().st_mtime_ns == stamps[0]
    assert files[1].stat().st_mtime_ns != stamps[1]


def test_samples_may_grow(tmp_path):
    options = {"seed": 1, "n_keep": 700, "save_samples": True, "chunk_samples": 512, "store": ChunkFolder(tmp_path)}
    run(Normals(), PARAMS, n_samples=1000, **options)
    grown = run(Normals(), PARAMS, n_samples=3000, **options)
    assert_same_bits(grown, run(Normals(), PARAMS, n_samples=3000, seed=1, n_keep=700, save_samples=True))


def test_statistics_agree_with_numpy():
    result = run(Normals(), PARAMS, n_samples=20_000, seed=2, save_samples=True, specs=[0.5, 1.0])
    values = result.measures[:, 0].astype(float)
    s = result.statistics
    assert s.n_samples == 20_000
    assert s.mean("a") == pytest.approx(values.mean(), rel=1e-12)
    assert s.std("a") == pytest.approx(values.std(ddof=1), rel=1e-9)
    for q in (0.05, 0.5, 0.99):
        assert s.quantile("a", q) == pytest.approx(np.quantile(values, q), rel=0.003)
    for q in (0.05, 0.5, 0.99):
        low, high = s.quantile_interval("a", q)
        assert low < stats.halfnorm.ppf(q) < high
        # Half the width is about 1.96 standard errors of a share of 20 000.
        width = stats.halfnorm.cdf(high) - stats.halfnorm.cdf(low)
        assert width == pytest.approx(2 * 1.96 * np.sqrt(q * (1 - q) / 20_000), rel=0.25)
    assert s.n_within("a", [0.5, 1.0]).tolist() == [(values <= 0.5).sum(), (values <= 1.0).sum()]
    fraction, low, high = s.yield_at("a", 1.0)
    assert fraction == np.mean(values <= 1.0)
    assert low < 0.682689 < high
    assert s.failure_probability("a", 1.0) == pytest.approx(1 - fraction)
    assert stats.kstest(values, stats.halfnorm.cdf).pvalue > 1e-3
    with pytest.raises(rj.InputError, match="specs"):
        s.n_within("a", [0.123456])


def test_quantiles_of_measures_that_may_be_negative():
    values = np.random.default_rng(1).normal(-1.0, 2.0, (4096, 1)).astype(np.float32)
    s = Statistics.empty(("a",))
    s = s.add(s.block_sums(values, 256))
    for q in (0.01, 0.3, 0.5, 0.9):
        assert s.quantile("a", q) == pytest.approx(np.quantile(values, q), rel=0.01, abs=0.01)


@pytest.mark.parametrize("mean", [0.02, 3.0, 300.0])
def test_quantiles_of_counts_are_whole_and_exact(mean):
    values = np.random.default_rng(3).poisson(mean, (4096, 1)).astype(np.float32)
    ordered = np.sort(values[:, 0])
    for name in COUNTS:
        s = Statistics.empty((name,))
        s = s.add(s.block_sums(values, 256))
        for q in (0.01, 0.5, 0.95, 0.99):
            assert s.quantile(name, q) == ordered[int(np.ceil(q * 4096)) - 1]
            low, high = s.quantile_interval(name, q)
            ranks = stats.binom.ppf([0.025, 0.975], 4096, q).astype(int)
            assert (low, high) == (ordered[ranks[0] - 1], ordered[ranks[1]])
            assert str(s.quantile(name, q)) != "-0.0"


def test_large_counts_are_whole_and_within_a_cell():
    values = np.random.default_rng(4).integers(10_000, 60_000, (4096, 1)).astype(np.float32)
    s = Statistics.empty(("write_pulses",))
    s = s.add(s.block_sums(values, 256))
    for q in (0.05, 0.5, 0.95):
        assert s.quantile("write_pulses", q) % 1 == 0
        assert s.quantile("write_pulses", q) == pytest.approx(np.quantile(values, q), rel=0.003)


def test_measures_that_count_are_told_from_errors():
    assert set(COUNTS) <= set(MEASURES)
    assert set(COUNT_YIELDS) == set(COUNTS) & set(get_args(YieldMeasure))


def test_a_value_that_is_not_finite_is_a_bad_chip_and_is_counted():
    params = {"largest": np.float32(1.0), "scale": np.float32(1.0)}
    result = run(Normals(), params, n_samples=4000, seed=2, save_samples=True, specs=[100.0])
    n_bad = int(np.isnan(result.measures[:, 0]).sum())
    assert n_bad > 1000
    assert result.statistics.n_not_finite[0] == n_bad
    assert result.statistics.yield_at("a", 100.0)[0] == (4000 - n_bad) / 4000
    assert result.statistics.mean("a") == pytest.approx(np.nanmean(result.measures[:, 0], dtype=float), rel=1e-12)
    assert result.statistics.quantile("a", 0.999) == np.inf


def test_one_kernel_serves_every_function_sigma_and_correction():
    run(*column("none", "sigmoid", names=NAMES[:1]), n_samples=10, seed=0)
    before = trace_counts["ColumnModel"]
    for function in ("tanh", "softsign", "softplus", "elu", "selu", "exp"):
        for calibration in ("none", "one_point", "two_point"):
            for sigma in (1.0, 4.0):
                run(*column(calibration, function, sigma=sigma, names=NAMES[:1]), n_samples=10, seed=0)
    assert trace_counts["ColumnModel"] == before


@pytest.mark.parametrize(("option", "value"), [("n_samples", 0), ("seed", -1), ("seed", 2**63), ("chunk_samples", 0)])
def test_a_number_out_of_range_is_refused_by_name(option, value):
    options = {"n_samples": 10, "seed": 0, option: value}
    with pytest.raises(rj.InputError, match=option.removeprefix("n_")):
        run(Normals(), PARAMS, **options)
