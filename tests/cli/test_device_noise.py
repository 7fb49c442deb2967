"""`rampjax device noise`: what it prints and writes, and that its file is a device as any other."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from commands import Run, contents, strict

from rampjax.config.devices import device_text, load_device


@pytest.fixture(autouse=True)
def series(rampjax: Run) -> None:
    """Three cells of 600 samples, in the folder of the test: white noise, and wander of f^-1 or so."""
    rng = np.random.default_rng(3)
    taus = np.exp(np.linspace(0, 6, 24))
    kept = np.exp(-1 / taus)[:, None]
    state = rng.standard_normal((24, 3))
    cells = []
    for _ in range(600):
        cells.append(np.array([20.0, 60, 100]) + 0.1 * state.sum(axis=0) + 0.2 * rng.standard_normal(3))
        state = kept * state + np.sqrt(1 - kept**2) * rng.standard_normal((24, 3))
    np.savetxt("series.csv", cells, delimiter=",", header="a_uS,b_uS,c_uS", comments="", fmt="%.6f")


NOISE = ("device", "noise", "series.csv", "--rate", "100")


def test_text(rampjax: Run) -> None:
    done = rampjax(*NOISE)
    assert done.status == 0
    assert done.out.startswith("read series.csv: commas, decimal points, header in line 1; 600 rows\n")
    assert "3 cells, a column each, of 600 samples, in uS" in done.out
    assert "the median of 3 cells, which lie from" in done.out
    assert "at reads of 0.01 s" in done.out
    assert "σ slow by wander" in done.out


def test_json_and_figure(rampjax: Run, tmp_path: Path) -> None:
    done = rampjax(*NOISE, "--json", "--figure", "noise.png")
    record = strict(done.out)
    assert (record["cell"], record["samples"], record["duration_s"]) == (["a", "b", "c"], 600, 6.0)
    for i in range(3):
        assert record["sigma_read_uS_ci_low"][i] < record["sigma_read_uS"][i] < record["sigma_read_uS_ci_high"][i]
        assert record["sigma_slow_uS_ci_low"][i] < record["sigma_slow_uS"][i] < record["sigma_slow_uS_ci_high"][i]
        assert record["slope_ci_low"][i] <= record["slope"][i] <= record["slope_ci_high"][i] <= 0
    assert record["device_sigma_read_uS"] == record["device_sigma_read_uS_median"] == np.median(record["sigma_read_uS"])
    assert len(record["spectrum_uS2_per_Hz"]) == 3 * len(record["f_Hz"])
    assert len(record["sd_within_uS"]) == 3 * len(record["window_s"])
    assert "rampjax: read series.csv" in done.err
    assert (tmp_path / "noise.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(contents(tmp_path)) == [str(tmp_path / name) for name in ("noise.png", "series.csv")]


def test_a_copy_of_a_device_differs_by_its_noise_alone(rampjax: Run, tmp_path: Path) -> None:
    done = rampjax(*NOISE, "--device", "taox_paper", "--out", "noisy.toml")
    assert done.out.endswith("written: noisy.toml\n")
    assert "has targets from 0 to 150 µS, but the cells lie from" in done.err
    record = strict(rampjax(*NOISE, "--json").out)
    device = load_device("noisy.toml")
    assert device.sigma_read_uS.numbers[0] == pytest.approx(record["device_sigma_read_uS"], rel=1e-5)
    assert device.sigma_slow_uS.numbers[0] == pytest.approx(record["device_sigma_slow_uS"], rel=1e-5)
    assert (device.slow_t_lo_s.value, device.slow_t_hi_s.value, device.t_read_ns.value) == (0.01, 6.0, 1e7)
    assert {device.sigma_read_uS.certainty, device.sigma_slow_uS.certainty} == {"fitted"}
    assert "3 cells at" in device.sigma_read_uS.source
    assert "Says nothing about reads shorter than 0.01 s" in device.sigma_read_uS.source
    old, new = tomllib.loads(device_text("taox_paper")), tomllib.loads((tmp_path / "noisy.toml").read_text())
    assert {key for key in old | new if old.get(key) != new.get(key)} == {
        "sigma_read_uS",
        "t_read_ns",
        "sigma_slow_uS",
        "slow_t_lo_s",
        "slow_t_hi_s",
    }
    # The noise of a copy is replaced once more, comments and one-line tables of the file stay or go with their figures.
    text = (tmp_path / "noisy.toml").read_text()
    start = text.index("[sigma_slow_uS]")
    figure = text[start:].split("\n\n")[0].split("\n")[1:]
    one_line = f"sigma_slow_uS = {{ {', '.join(figure)} }}  # by hand\n# stays\n"
    (tmp_path / "again.toml").write_text(one_line + text.replace("[sigma_slow_uS]\n" + "\n".join(figure), ""))
    by_wander = ("--slow-by", "wander", "--pool", "rms")
    assert rampjax(*NOISE, *by_wander, "--device", "again.toml", "--out", "third.toml").status == 0
    third = (tmp_path / "third.toml").read_text()
    assert "# stays" in third
    assert "by hand" not in third
    wander = np.array(record["sigma_slow_by_wander_uS"])
    expected = np.sqrt(np.mean(wander**2))
    assert load_device("third.toml").sigma_slow_uS.numbers[0] == pytest.approx(expected, rel=1e-5)


def test_a_relaxation_that_contains_it_takes_the_fast_part_alone(rampjax: Run, tmp_path: Path) -> None:
    copy = (*NOISE, "--device", "ibm_cmo_hfox", "--out", "noisy.toml")
    done = rampjax(*copy)
    assert done.status == 2
    assert "already contains the slow part of the read noise. --part fast writes the fast part alone." in done.err
    assert not (tmp_path / "noisy.toml").exists()
    assert rampjax(*copy, "--part", "fast").status == 0
    device = load_device("noisy.toml")
    assert device.sigma_slow_uS is None
    assert device.sigma_read_uS.certainty == "fitted"


def test_a_fragment_is_tables_alone(rampjax: Run, tmp_path: Path) -> None:
    assert rampjax(*NOISE, "--out", "noise.toml", "--part", "slow", "--t-read", "0.001").status == 0
    tables = tomllib.loads((tmp_path / "noise.toml").read_text())
    assert list(tables) == ["sigma_slow_uS", "slow_t_lo_s", "slow_t_hi_s"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--device", "taox_paper"), "--device has no effect without --out."),
        (("--part", "fast"), "--part has no effect without --out."),
        (("--out", "a.toml", "--part", "all"), "--part must be one of both, fast or slow, but is all."),
        (("--out", "a.csv"), "--out must end with .toml"),
        (("--figure", "a.pdf"), "--figure must end with .png"),
        (("--pool", "mean"), "--pool must be one of median or rms, but is mean."),
        (("--slow-by", "eye"), "--slow-by must be spectrum or wander, but is eye."),
        (("--rate", "fast"), "must be a number, but is fast."),
        (("--unit", "uS", "--v-read", "0.1"), "--v-read has no effect without currents"),
        (("--out", "a.toml", "--device", "toax_paper"), "Did you mean `taox_paper`?"),
        (("--rows", "--skip", "1", "--columns", "cell,g_uS..."), "--skip has no effect beside --columns"),
        (("--rows", "--columns", "cell,g_uS"), "--columns must end with the samples of a row"),
        (("--columns", "a_uS,b_uS"), "line 2: has 3 cells, expected 2 as in --columns."),
    ],
)
def test_refusals(rampjax: Run, tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    before = contents(tmp_path)
    done = rampjax(*NOISE, *options)
    assert (done.status, done.out) == (2, "")
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert contents(tmp_path) == before


def test_help(rampjax: Run) -> None:
    told = rampjax("device", "noise", "--help").out
    assert "--slow-by wander" in told
    assert all(len(line) <= 120 for line in told.splitlines())
