"""A device fitted to drawn data gives back what it was drawn from."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from rampjax.checks import InputError
from rampjax.circuit.curves import curve_at_uS
from rampjax.circuit.quantile_params import quantile_at
from rampjax.config.build import build_device
from rampjax.config.devices import load_device
from rampjax.interop.device_fit.device_file import device_toml
from rampjax.interop.device_fit.fit import DeviceFit, fit_device
from rampjax.interop.device_fit.record import fit_record


def write(path: Path, columns: Mapping[str, np.ndarray]) -> Path:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(str(cell) for cell in row) for row in rows)]) + "\n")
    return path


def fitted(folder: Path, target: np.ndarray, measured: np.ndarray, **options: object) -> DeviceFit:
    path = write(folder / "chip.csv", {"target_uS": target, "measured_uS": measured})
    return fit_device(path, v_read_V=0.2, **options)  # type: ignore[arg-type]


def sigma_of(name: str, g_uS: np.ndarray) -> np.ndarray:
    return np.polynomial.Polynomial(load_device(name).sigma_prog_uS.numbers)(g_uS)


def inside(value: float, low: float, high: float) -> bool:
    return bool(low <= value <= high)


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of normality, which takes longest, is left to those who look at it."""
    monkeypatch.setattr("rampjax.interop.device_fit.normality.N_SIMULATED", 1)


@pytest.mark.usefixtures("untested")
@pytest.mark.parametrize("share", [0.0, 0.02])
def test_intervals_of_a_constant_spread_hold_the_truth(tmp_path: Path, share: float) -> None:
    held = np.zeros(2)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        target = rng.uniform(0, 150, 150)
        measured = target + 0.3 + 2.67 * rng.standard_normal(150)
        gross = rng.random(150) < share
        measured[gross] += rng.choice([-1, 1], gross.sum()) * rng.uniform(20, 80, gross.sum())
        fit = fitted(tmp_path, target, measured, form="constant")
        bias, sigma = fit.bias, fit.sigma
        held += (
            abs(bias.terms_uS[0] - 0.3) <= bias.terms_half_uS[0],
            abs(sigma.terms_uS[0] - 2.67) <= sigma.half_uS[0],
        )
    assert (held >= 0.85 * 40).all(), held


def test_outliers_do_not_move_the_spread_beyond_its_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    target = rng.uniform(0, 150, 1000)
    measured = target + 2.67 * rng.standard_normal(1000)
    clean = fitted(tmp_path, target, measured)
    dirty = measured.copy()
    dirty[::50] += rng.choice([-1, 1], 20) * rng.uniform(15, 90, 20)
    fit = fitted(tmp_path, target, dirty)
    assert fit.sorted.outlier.sum() == pytest.approx(20, abs=1)
    assert abs(fit.sigma.terms_uS[0] - clean.sigma.terms_uS[0]) < clean.sigma.terms_half_uS[0] / 2
    assert any("outliers" in note for note in fit.notes)


@pytest.mark.usefixtures("untested")
@pytest.mark.parametrize(
    ("name", "degrees", "g_max"),
    [("taox_paper", {0}, 150.0), ("ibm_cmo_hfox", {1}, 88.19), ("neurram_2022", {2, 3, 4}, 40.0)],
)
def test_the_form_is_found_by_cross_validation(tmp_path: Path, name: str, degrees: set[int], g_max: float) -> None:
    right, held = 0, []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        target = rng.uniform(load_device(name).g_min_uS.value, g_max, 600)
        fit = fitted(tmp_path, target, target + sigma_of(name, target) * rng.standard_normal(600))
        form = fit.model.form
        right += form.mean.n_terms == 1 and form.sigma.n_terms - 1 in degrees
        held.append(np.abs(fit.sigma.value_uS - sigma_of(name, fit.sigma.g_uS)) <= fit.sigma.half_uS)
    assert right >= 6
    assert np.mean(held) > 0.7  # the form is chosen from the same data, which no interval knows
    # The file says the same curve.
    device = build_device(load_device(_saved(tmp_path, fit)))
    found = curve_at_uS(device.sigma_prog_uS, fit.sigma.g_uS)
    np.testing.assert_allclose(found, fit.sigma.value_uS, atol=1e-6)


def _saved(folder: Path, fit: DeviceFit) -> str:
    path = folder / "mine.toml"
    path.write_text(device_toml(fit), encoding="utf-8")
    return str(path)


def test_a_mean_that_depends_on_the_conductance_is_a_curve_of_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    target = rng.uniform(5, 100, 800)
    fit = fitted(tmp_path, target, target + 1.0 - 0.04 * target + 0.5 * rng.standard_normal(800))
    assert fit.model.form.mean.degree == 1
    device = build_device(load_device(_saved(tmp_path, fit)))
    assert isinstance(device.bias_prog_uS, tuple)
    np.testing.assert_allclose(device.bias_prog_uS[:2], (1.0, -0.04), atol=0.12)
    assert load_device(_saved(tmp_path, fit)).bias_prog_uS.valid_uS == (target.min(), target.max())


def test_stuck_cells_are_counted_and_set_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 2000
    target = rng.uniform(10, 90, n)
    measured = target + 1.5 * rng.standard_normal(n)
    u = rng.random(n)
    measured[u < 0.08] = 0.3 + 0.05 * rng.standard_normal((u < 0.08).sum())
    measured[u > 0.97] = 250 * np.exp(0.03 * rng.standard_normal((u > 0.97).sum()))
    fit = fitted(tmp_path, target, measured)
    assert fit.stuck_off is not None
    assert fit.stuck_on is not None
    assert (fit.stuck_off.n_stuck, fit.stuck_on.n_stuck) == ((u < 0.08).sum(), (u > 0.97).sum())
    assert inside(0.08, *fit.stuck_off.prob_interval)
    assert inside(0.03, *fit.stuck_on.prob_interval)
    assert inside(0.3, fit.stuck_off.g_low_uS, fit.stuck_off.g_high_uS)
    assert fit.sigma.terms_uS[0] == pytest.approx(1.5, abs=fit.sigma.terms_half_uS[0] * 1.5)
    device = load_device(_saved(tmp_path, fit))
    assert device.stuck_off_prob.value == pytest.approx(fit.stuck_off.prob)
    assert device.stuck_on_prob.certainty == "measured"


def test_no_stuck_cell_is_a_rate_with_an_upper_end(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    target = np.repeat([10.0, 20.0, 30.0, 40.0], 50)
    fit = fitted(tmp_path, target, target + rng.standard_normal(200))
    record = fit_record(fit)
    assert record["stuck_off"] == 0
    assert record["stuck_off_prob_ci"][1] == pytest.approx(1 - 0.025 ** (1 / 200))
    device = load_device(_saved(tmp_path, fit))
    assert (device.stuck_off_prob.certainty, device.g_stuck_off_uS.certainty) == ("measured", "assumed")
    assert device.sigma_read_uS.certainty == "assumed"


def drawn_reads(
    rng: np.random.Generator, n_devices: int, ages: tuple[float, ...], n_reads: int
) -> dict[str, np.ndarray]:
    """Programming error and relaxation of the preset `ibm_cmo_hfox`, read noise of 0.3 µS, 5 % stuck off."""
    rows = []
    for device in range(n_devices):
        for cycle in (1, 2):
            g = rng.uniform(9, 88.19)
            programmed = g + (0.0112 + 0.01129 * g) * rng.standard_normal()
            moved, before = 0.0, 0.0
            for age in ages:
                spread = 0.412 + 0.042 * np.log(age)
                moved += np.sqrt(spread**2 - before**2) * rng.standard_normal() - 0.089 * np.log(age)
                moved += 0.089 * np.log(ages[ages.index(age) - 1]) if before else 0.0
                before = spread
                for _ in range(n_reads):
                    measured = 0.02 if device < 0.05 * n_devices else programmed + moved + 0.3 * rng.standard_normal()
                    rows.append((f"R{device}", cycle, age, g, measured))
    names = ("device", "cycle", "time_s", "target_uS", "measured_uS")
    return dict(zip(names, (np.array(column) for column in zip(*rows, strict=True)), strict=True))


@pytest.mark.parametrize("n_reads", [1, 2])
def test_read_noise_relaxation_and_stuck_devices_together(tmp_path: Path, n_reads: int) -> None:
    columns = drawn_reads(np.random.default_rng(6), 200, (1.0, 100.0, 1e4, 1e6), n_reads)
    path = write(tmp_path / "aged.csv", columns)
    fit = fit_device(path, v_read_V=0.2)
    assert fit.read is not None
    assert fit.read.value_uS[0] == pytest.approx(0.3, abs=1.5 * fit.read.half_uS[0])
    assert fit.relax_mean is not None
    assert fit.relax_sigma is not None
    assert fit.relax_mean[1].middle.value == pytest.approx(-0.089, abs=0.012)
    # A single read at each age tells the spread at 1 s from the read noise poorly, and says so.
    assert inside(0.412, fit.relax_sigma[0].middle.low, fit.relax_sigma[0].middle.high)
    assert n_reads == 1 or fit.relax_sigma[0].middle.value == pytest.approx(0.412, abs=0.1)
    assert inside(0.042, fit.relax_sigma[1].middle.low, fit.relax_sigma[1].middle.high)
    truth = 0.0112 + 0.01129 * fit.sigma.g_uS
    assert n_reads == 1 or (np.abs(fit.sigma.value_uS - truth) <= 1.3 * fit.sigma.half_uS).all()
    assert fit.stuck_off is not None
    assert (fit.stuck_off.n_stuck, fit.stuck_off.n_seen) == (10, 200)
    device = load_device(_saved(tmp_path, fit))
    assert device.relax_mean_uS is not None
    assert device.relax_mean_uS.certainty == "fitted"


def test_read_noise_is_taken_out_of_the_programming_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    target = np.repeat(rng.uniform(0, 100, 400), 3)
    error = np.repeat(1.0 * rng.standard_normal(400), 3) + 1.5 * rng.standard_normal(1200)
    names = {"device": np.repeat(np.arange(400), 3), "cycle": np.ones(1200, int), "target_uS": target}
    path = write(tmp_path / "reads.csv", {**names, "measured_uS": target + error})
    fit = fit_device(path, v_read_V=0.2)
    assert fit.read is not None
    assert abs(fit.read.value_uS[0] - 1.5) <= fit.read.half_uS[0]
    assert abs(fit.sigma.value_uS[0] - 1.0) <= fit.sigma.half_uS[0]
    assert fit.relax_mean is None


def test_a_fresh_read_and_an_aged_one_tell_shift_and_spread(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    n = 600
    target = rng.uniform(10, 90, n)
    fresh = target + rng.standard_normal(n)
    aged = fresh - 0.5 + 0.8 * rng.standard_normal(n)
    columns = {
        "device": np.tile(np.arange(n), 2),
        "cycle": np.ones(2 * n, int),
        "time_h": np.repeat([0.0, 1.0], n),
        "target_uS": np.tile(target, 2),
        "measured_uS": np.concatenate([fresh, aged]),
    }
    fit = fit_device(write(tmp_path / "two.csv", columns), v_read_V=0.2)
    assert fit.relax_mean is not None
    assert fit.relax_sigma is not None
    assert fit.relax_mean[0].middle.value == pytest.approx(-0.5, abs=0.1)
    assert fit.relax_sigma[0].middle.value == pytest.approx(0.8, abs=0.08)
    assert (fit.relax_mean[1].middle.value, fit.relax_sigma[1].middle.value) == (0.0, 0.0)
    assert fit.sigma.value_uS[0] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("kind", ["skewed", "bimodal"])
def test_the_empirical_sampler_draws_the_measured_errors(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(9)
    n = 3000
    two = np.where(rng.random(n) < 0.35, -1.5, 0.8) + 0.25 * rng.standard_normal(n)
    shape = rng.gamma(2.0, size=n) - 2.0 if kind == "skewed" else two
    target = rng.uniform(10, 100, n)
    error = (0.5 + 0.02 * target) * shape
    fit = fitted(tmp_path, target, target + error, sampler="empirical")
    assert fit.normality is not None
    assert fit.normality.p_value < 0.01
    device = build_device(load_device(_saved(tmp_path, fit)))
    q = np.asarray(quantile_at(jnp.asarray(rng.standard_normal(n), jnp.float32), jnp.array(device.error_quantiles)))
    drawn = np.polynomial.Polynomial(device.sigma_prog_uS)(target) * q
    drawn += np.polynomial.Polynomial(np.atleast_1d(device.bias_prog_uS))(target)
    standard = 0.5 + 0.02 * target
    assert stats.ks_2samp(drawn / standard, shape).pvalue > 1e-3
    assert drawn.std() == pytest.approx(error.std(), rel=0.1)
    normal = rng.standard_normal(n) * shape.std()
    assert stats.ks_2samp(normal, shape).pvalue < 1e-6


def test_normal_errors_are_called_normal_as_often_as_they_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rampjax.interop.device_fit.intervals.N_RESAMPLES", 2)
    p = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        target = rng.uniform(0, 100, 60)
        fit = fitted(tmp_path, target, target + (1 + 0.03 * target) * rng.standard_normal(60), form="affine")
        assert fit.normality is not None
        p.append(fit.normality.p_value)
    assert stats.kstest(p, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target_uS,measured_uS\n" + "1,1\n" * 7, "at least 8 rows, but has 7"),
        ("target_uS,measured_uS\n" + "-1,1\n" * 9, "`target` must be at least 0"),
        ("target_uS,measured_uS,time_s\n" + "1,1,-1\n" * 9, "`time` must be at least 0 s"),
        ("target_uS,measured_uS,v_read_V\n" + "1,1,0.1\n1,1,0.2\n" * 9, "must be one voltage above 0"),
        ("target_uS,measured_uS,v_read_V\n" + "1,1,0\n" * 9, "must be one voltage above 0"),
        ("target,measured_uS\n" + "1,1\n" * 9, "has no unit"),
    ],
)
def test_refused_tables(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "chip.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        fit_device(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": "cubic"}, "`form` must be one of `auto`"),
        ({"sampler": "both"}, "`sampler` must be one of"),
        ({"g_min_uS": 0.0}, "`g_min_uS` must lie within the measured targets, 5 to 50 µS, but is 0 µS"),
        ({"g_max_uS": 50.1}, "must lie within the measured targets"),
        ({"g_min_uS": 20.0, "g_max_uS": 10.0}, "must be below"),
        ({"v_read_V": 0.0}, "must be above 0"),
        ({"form": "polynomial"}, "needs at least 3 different targets"),
    ],
)
def test_refused_options(tmp_path: Path, options: dict[str, object], said: str) -> None:
    path = write(tmp_path / "two.csv", {"target_uS": np.repeat([5, 50], 20), "measured_uS": np.linspace(4, 52, 40)})
    with pytest.raises(InputError, match=said):
        fit_device(path, **options)  # type: ignore[arg-type]


def test_one_target_is_a_constant_fit_but_no_device_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    fit = fitted(tmp_path, np.full(50, 20.0), 20 + rng.standard_normal(50))
    assert (fit.model.form.mean.n_terms, fit.model.form.sigma.n_terms) == (1, 1)
    assert fit.sigma.value_uS[0] == pytest.approx(1.0, abs=0.4)
    with pytest.raises(InputError, match="all targets are 20 µS"):
        device_toml(fit)
    with pytest.raises(InputError, match="needs at least 3 different targets"):
        fitted(tmp_path, np.full(50, 20.0), 20 + rng.standard_normal(50), form="polynomial")


def test_a_narrower_range_and_the_voltage_of_the_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    target = rng.uniform(0, 100, 100)
    columns = {"target_uS": target, "measured_uS": target + rng.standard_normal(100), "v_read_mV": np.full(100, 150)}
    path = write(tmp_path / "chip.csv", columns)
    table = tomllib.loads(device_toml(fit_device(path, g_min_uS=10.0, g_max_uS=90.0), 'the "best" one\n'))
    assert (table["g_min_uS"]["value"], table["g_max_uS"]["value"], table["v_read_V"]["value"]) == (10.0, 90.0, 0.15)
    assert table["title"] == 'the "best" one\n'
    assert table["sigma_prog_uS"]["valid_uS"] == [target.min(), target.max()]
    with pytest.raises(InputError, match="expected one of them"):
        fit_device(path, v_read_V=0.2)
    with pytest.raises(InputError, match="has no read voltage"):
        device_toml(fit_device(write(path, {key: columns[key] for key in ("target_uS", "measured_uS")})))


@pytest.fixture
def few(untested: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rampjax.interop.device_fit.intervals.N_RESAMPLES", 10)


@pytest.mark.usefixtures("few")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_small_table_is_fitted_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    n = data.draw(st.integers(8, 30))
    numbers = st.one_of(st.sampled_from([0.0, 1.0, 1e-9, 50.0, 1e9]), st.floats(0, 1e3))
    columns = {
        "target_uS": data.draw(st.lists(numbers, min_size=n, max_size=n)),
        "measured_uS": data.draw(st.lists(st.one_of(numbers, st.floats(-10, 10)), min_size=n, max_size=n)),
    }
    if data.draw(st.booleans()):
        columns["time_s"] = data.draw(st.lists(numbers, min_size=n, max_size=n))
    if data.draw(st.booleans()):
        columns["device"] = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
        columns["cycle"] = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    path = write(tmp_path / "any.csv", {key: np.array(column) for key, column in columns.items()})
    sampler = data.draw(st.sampled_from(["parametric", "empirical"]))
    try:
        fit = fit_device(path, v_read_V=0.2, sampler=sampler)
        record = fit_record(fit)
        load_device(_saved(tmp_path, fit))
    except InputError as error:
        _check_sentence(error)
        return
    for key, value in record.items():
        for number in value if isinstance(value, list) else [value]:
            assert not isinstance(number, float) or np.isfinite(number), key


def _check_sentence(error: InputError) -> None:
    assert str(error).isprintable()
    assert "any.csv" in str(error)


def _table(folder: Path, target: np.ndarray, measured: np.ndarray) -> Path:
    return write(folder / "chip.csv", {"target_uS": target, "measured_uS": measured})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("stuck", "measured does not follow target"),
        ("inverse", "measured does not follow target"),
        ("noise", "measured does not follow target"),
        ("unit", "measured is about 1000 times smaller than target in most rows: is the unit right?"),
        ("large", "measured is about 1000 times larger than target"),
        (
            "some",
            r"12 rows \(lines 2, 3, 4, 5, 6, ...\) are about 1000 times smaller than their targets, but follow them",
        ),
    ],
)
def test_what_does_not_follow_the_target_is_no_device(tmp_path: Path, kind: str, said: str) -> None:
    target = np.linspace(5, 150, 100)
    measured = target.copy()
    if kind == "some":
        measured[:12] /= 1e3
    changed = {
        "stuck": np.full(100, 0.5),
        "inverse": 1e3 / target,
        "noise": 50 + 5 * np.random.default_rng(1).standard_normal(100),
        "unit": target / 1e3,
        "large": target * 1e3,
        "some": measured,
    }
    with pytest.raises(InputError, match=said):
        fit_device(_table(tmp_path, target, changed[kind]))


@pytest.mark.usefixtures("few")
def test_large_errors_in_a_narrow_range_are_a_device(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    target = rng.choice([20.0, 20.5, 21.0], 200)
    measured = target + 4 * rng.standard_normal(200)
    assert fitted(tmp_path, target, measured).sigma.value_uS[0] == pytest.approx(4, rel=0.25)


@pytest.mark.usefixtures("few")
def test_one_row_in_another_unit_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    target = rng.choice(np.linspace(5, 150, 30), 300)
    measured = target + 0.3 + (0.5 + 0.02 * target) * rng.standard_normal(300)
    target[3], measured[3] = 60000, 60001
    fit = fitted(tmp_path, target, measured)
    assert any("none between 150 and 60000 µS (line 5 beyond): is the unit" in note for note in fit.notes)
    assert fit.sigma.value_uS.min() >= 0


@pytest.mark.usefixtures("few")
def test_few_stuck_cells_among_many_targets(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    n = 300
    target = rng.choice(np.linspace(5, 150, 20), n)
    measured = target + (0.5 + 0.02 * target) * rng.standard_normal(n)
    stuck = np.flatnonzero(target > 30)[:6]
    measured[stuck] = 0.5 + 0.05 * rng.standard_normal(6)
    fit = fitted(tmp_path, target, measured)
    assert fit.stuck_off is not None
    assert fit.stuck_off.n_stuck == 6
    measured[stuck[2:]] = target[stuck[2:]]
    fit = fitted(tmp_path, target, measured)
    record = fit_record(fit)
    assert (fit.stuck_off, record["stuck_off"], record["stuck_off_maybe"], record["stuck_on_maybe"]) == (None, 0, 2, 0)
    assert inside(2 / n, *record["stuck_off_prob_ci"])
    assert "were the 2 rows that are far off all stuck" in device_toml(fit)


@pytest.mark.usefixtures("few")
def test_rows_written_twice_are_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    target = np.tile(rng.uniform(5, 100, 40), 2)
    names = {"device": np.tile(np.arange(40), 2), "cycle": np.ones(80, int), "target_uS": target}
    path = write(tmp_path / "chip.csv", {**names, "measured_uS": target + np.tile(rng.standard_normal(40), 2)})
    assert any("40 of the rows say the same as another" in note for note in fit_device(path).notes)


@pytest.mark.usefixtures("few")
def test_chosen_ends_are_those_of_the_record_and_the_missing_column_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    target = rng.uniform(0, 100, 200)
    columns = {"device": np.arange(200), "target_uS": target}
    path = write(
        tmp_path / "chip.csv", {**columns, "measured_uS": target + (1 + 0.1 * target) * rng.standard_normal(200)}
    )
    fit = fit_device(path, v_read_V=0.2, form="affine", g_min_uS=20.0)
    record = fit_record(fit)
    assert record["g_uS"][0] == 20.0
    terms = record["sigma_prog_terms_uS"]
    assert record["sigma_prog_uS"][0] == pytest.approx(terms[0] + terms[1] * 20.0 / record["g_unit_uS"])
    table = tomllib.loads(device_toml(fit))
    assert (table["g_min_uS"]["certainty"], table["g_max_uS"]["certainty"]) == ("user", "measured")
    assert table["g_min_uS"]["source"].startswith("set by the user; chip.csv: targets measured from")
    assert "given the form" in table["sigma_prog_uS"]["source"]
    assert any("there is no column cycle: the read noise" in note for note in fit.notes)


@pytest.mark.usefixtures("few")
def test_the_smallest_number_is_no_error(tmp_path: Path) -> None:
    fit = fitted(tmp_path, np.zeros(9), np.array([*np.zeros(8), 5e-324]))
    assert fit.sigma.value_uS[0] == 0
