"""Inputs that device fits once got wrong, each with the right answer: made-up ones, and public cells where they are."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rampjax.circuit.relaxation import relaxed_uS
from rampjax.config.build import build_device
from rampjax.config.devices import load_device
from rampjax.interop.device_fit.device_file import device_toml
from rampjax.interop.device_fit.fit import DeviceFit, fit_device
from rampjax.interop.device_fit.record import fit_record
from rampjax.interop.device_fit.rows import make_rows
from rampjax.interop.device_fit.stuck import rough_scale, sort_rows
from rampjax.interop.device_fit.table import read_table
from rampjax.interop.measured.reader import Reading

SHARED = Path(os.environ.get("RAMPJAX_SHARED", Path(__file__).parents[3] / "shared"))
CASES = SHARED / "cases"
CELLS = SHARED / "data" / "rram_relaxation" / "techC_relaxdata.min.tsv.gz"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rampjax.interop.device_fit.normality.N_SIMULATED", 1)
    monkeypatch.setattr("rampjax.interop.device_fit.intervals.N_RESAMPLES", 40)


def case(name: str, **options: Any) -> DeviceFit:
    path = CASES / f"fit_{name}.csv"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here; RAMPJAX_SHARED may name the folder that holds it")
    return fit_device(path, v_read_V=0.2, **options)


def test_small_programming_error() -> None:
    record = fit_record(case("small_programming_error"))
    for key, truth in (("relax_sigma_constant_uS", 2.0), ("relax_sigma_per_ln_uS", 0.3)):
        assert record[f"{key}_ci_low"] < truth < record[f"{key}_ci_high"]
        assert record[key] == pytest.approx(truth, rel=0.05)
    # The read noise of 0.3 is a part of what cannot be told apart, and the interval knows.
    assert record["sigma_prog_uS_ci_low"][0] < 0.3 < record["sigma_prog_uS_ci_high"][0]


def test_relaxed_devices_are_not_stuck() -> None:
    record = fit_record(case("relaxed_not_stuck"))
    assert (record["stuck_off"], record["stuck_on"], record["stuck_rows"]) == (0, 0, 0)


def test_one_device_has_the_interval_of_its_events() -> None:
    fit = case("one_device")
    assert fit.bias.terms[0] == pytest.approx(-0.2239, abs=1e-3)
    assert fit.bias.half_uS[0] == pytest.approx(0.175, abs=0.05)
    assert any("all rows are of one device" in note for note in fit.notes)


@pytest.mark.parametrize("sampler", ["parametric", "empirical"])
def test_failures_below_40_uS_are_a_share_there(sampler: str, tmp_path: Path) -> None:
    fit = case("failures_below_40uS", sampler=sampler)
    assert fit.failed is not None
    assert [one.n_failed for one in fit.failed.stretches] == [87, 0]
    assert fit.failed.stretches[0].high_uS < 40 < fit.failed.stretches[1].low_uS + 1
    assert fit.sigma.at(np.array([200.0]))[0][0] == pytest.approx(2.97, abs=0.07)
    path = tmp_path / "device.toml"
    path.write_text(device_toml(fit), encoding="utf-8")
    device = build_device(load_device(str(path)))
    assert device.can_fail
    assert bool(device.error_quantiles) == (sampler == "empirical")


def test_nothing_is_invented_between_four_levels() -> None:
    sigma = case("four_levels").sigma
    measured = {12.5: 3.48, 112.0: 2.97, 170.0: 2.02, 200.0: 6.22}
    assert sigma.value_uS.max() <= 6.3
    for g_uS in np.linspace(12.5, 200, 50):
        expected = np.interp(g_uS, list(measured), list(measured.values()))
        assert sigma.at(np.array([g_uS]))[0][0] == pytest.approx(expected, abs=0.05)


def test_fast_relaxation_is_no_read_noise() -> None:
    fit = case("fast_relaxation")
    record = fit_record(fit)
    assert record["sigma_read_uS"] is None
    assert (record["relax_t0_s"], fit.rows.t0_s) == (0.01, 0.01)
    assert "repeated reads" not in device_toml(fit).split("[sigma_read_uS]")[1].split("[")[0]


def test_outliers_settle() -> None:
    fit = case("outliers_unsettled")
    assert fit.settled
    kept = fit.rows.error_uS[fit.sorted.kept]
    assert fit.sigma.at(np.array([50.0]))[0][0] == pytest.approx(kept.std(), rel=0.01)


def test_no_public_cell_is_stuck_and_the_preset_has_their_moments() -> None:
    if not CELLS.is_file():
        pytest.skip("the cells of technology C are not here; RAMPJAX_SHARED may name the folder that holds them")
    columns = ("device", "time_s", "_", "measured_S", "_", "level", "_")
    rows = make_rows(read_table(CELLS, None, Reading(header=False, columns=columns)).columns)
    assert rows.told_events is False
    assert rows.one_each
    assert not sort_rows(rows, *rough_scale(rows)).stuck.any()
    device = build_device(load_device("levy_techc"))
    ends = (device.g_min_uS, device.g_max_uS)
    for age_s in (1.0, 1e5):
        at = (np.abs(rows.time_s / age_s - 1) < 0.1) & (rows.target_uS >= 10) & (rows.target_uS <= 35)
        error, g_uS = rows.error_uS[at], rows.target_uS[at]
        mean = relaxed_uS(device.relax_mean_uS, device.relax_t0_s, g_uS, age_s, ends).mean()
        assert mean == pytest.approx(error.mean(), abs=0.3)
        curve = dict(device.aged_sigma_uS)[age_s]
        sigma = np.sqrt(np.mean(np.polynomial.Polynomial(curve)(g_uS) ** 2))
        assert sigma == pytest.approx(error.std(), rel=0.06)


def test_a_long_fit_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rampjax.interop.device_fit.fit.LONG", 100)
    monkeypatch.setattr("rampjax.interop.device_fit.intervals.N_RESAMPLES_LARGE", 40)
    rng = np.random.default_rng(1)
    target = rng.uniform(5, 50, 200)
    measured = target + rng.standard_normal(200)
    path = tmp_path / "chip.csv"
    rows = "\n".join(f"{t},{m}" for t, m in zip(target, measured, strict=True))
    path.write_text(f"target_uS,measured_uS\n{rows}\n")
    said: list[str] = []
    fit_device(path, told=said.append)
    assert said[0].startswith("200 rows: ")
    assert said[1:] == [f"intervals: {done} of 40 resamples of devices" for done in (0, 10, 20, 30)]
