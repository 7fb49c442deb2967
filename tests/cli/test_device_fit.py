"""`rampjax device fit`: what it prints and writes, and that its file is a device as any other."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import Run, contents, strict

from rampjax.config.devices import load_device

QUICK = ("--samples", "256")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rampjax.interop.device_fit.normality.N_SIMULATED", 9)
    monkeypatch.setattr("rampjax.interop.device_fit.intervals.N_RESAMPLES", 20)


def table(path: Path, header: str = "target_uS,measured_uS", n: int = 300, skewed: bool = False) -> Path:
    rng = np.random.default_rng(1)
    target = rng.uniform(0.0, 150.0, n)
    shape = rng.gamma(1.0, size=n) - 1.0 if skewed else rng.standard_normal(n)
    measured = target + 0.05 * (target - 75.0) + 2.0 * shape
    measured[::40] = 0.1
    rows = [f"{t:.4f},{m:.4f}" for t, m in zip(target, measured, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_fit_is_a_device_of_the_other_commands(rampjax: Run, tmp_path: Path) -> None:
    table(tmp_path / "measured.csv")
    done = rampjax("device", "fit", "measured.csv", "--v-read", "0.2", "--out", "mychip.toml", "--name", "Wafer 3")
    assert done.status == 0
    assert "mean error       affine, " in done.out
    assert "given the form that was chosen" in done.out
    assert "stuck off" in done.out
    assert done.out.endswith("written: mychip.toml\n")
    assert "read noise is not known" in done.err
    device = load_device("mychip.toml")
    assert (device.title, device.sigma_prog_uS.certainty, device.v_read_V.certainty) == ("Wafer 3", "fitted", "user")
    assert "measured.csv" in device.sigma_prog_uS.source
    shown = rampjax("devices", "mychip.toml")
    assert "fitted: measured.csv: fit to" in shown.out
    record = strict(rampjax("yield", "sigmoid", "--device", "mychip.toml", "--json", *QUICK).out)
    assert record["device"] == "mychip"
    assert record["mean_max_inl_lsb"] > 0.5
    assert len(strict(rampjax("devices", "mychip.toml", "--json").out)["bias_prog_uS"]) == 5


def test_a_design_on_a_fitted_device_is_read_back(rampjax: Run, tmp_path: Path) -> None:
    table(tmp_path / "measured.csv", skewed=True)
    fit = ("device", "fit", "measured.csv", "--v-read", "0.2", "--out", "mychip.toml", "--sampler", "empirical")
    assert rampjax(*fit).status == 0
    normal = (tmp_path / "mychip.toml").read_text()
    (tmp_path / "normal.toml").write_text(normal[: normal.index("[error_q")] + normal[normal.index("[sigma_read") :])
    chosen = ("sigmoid", "--bits", "3", "--device")
    drawn = strict(rampjax("yield", *chosen, "mychip.toml", "--json", *QUICK).out)
    assert rampjax("design", *chosen, "mychip.toml", "--out", "column").status == 0
    record = json.loads(Path("column/design.json").read_text())
    assert len(record["error_quantiles"]) == 257
    again = strict(rampjax("yield", "--design", "column/design.json", "--json", *QUICK).out)
    assert again["mean_max_inl_lsb"] == drawn["mean_max_inl_lsb"]
    other = strict(rampjax("yield", *chosen, "normal.toml", "--json", *QUICK).out)
    assert other["mean_max_inl_lsb"] != drawn["mean_max_inl_lsb"]


def test_json_and_figure(rampjax: Run, tmp_path: Path) -> None:
    table(tmp_path / "measured.csv", "target (uS),measured")
    done = rampjax("device", "fit", "measured.csv", "--units", "measured=uS", "--json", "--figure", "fit.png")
    record = strict(done.out)
    assert (record["rows"], record["stuck_off"], record["g_stuck_off_uS"]) == (300, 8, 0.1)
    assert record["sigma_prog_uS_ci_low"][0] < record["sigma_prog_uS"][0] < record["sigma_prog_uS_ci_high"][0]
    assert record["v_read_V"] is None
    assert record["relax_mean_per_ln_uS"] is None
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(contents(tmp_path)) == [str(tmp_path / name) for name in ("fit.png", "measured.csv")]


def test_the_same_table_gives_the_same_bytes(rampjax: Run, tmp_path: Path) -> None:
    table(tmp_path / "measured.csv")
    for name in ("a", "b"):
        files = ("--out", f"{name}.toml", "--figure", f"{name}.png")
        assert rampjax("device", "fit", "measured.csv", "--v-read", "0.2", *files).status == 0
    for ending in (".toml", ".png"):
        assert Path(f"a{ending}").read_bytes() == Path(f"b{ending}").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--out", "new.toml"),
            "measured.csv: has no read voltage, expected a column v_read_V or the option --v-read.",
        ),
        (("--v-read", "0.2", "--out", "old.toml"), "old.toml: is there already, expected a new file for --out."),
        (("--v-read", "0.2", "--out", "new.txt"), "--out must end with .toml, but is new.txt."),
        (("--figure", "new.pdf"), "--figure must end with .png, but is new.pdf."),
        (("--v-read", "0.2", "--out", "none/new.toml", "--g-max", "151"), "within the measured targets"),
        (("--v-read", "zero"), "must be a number, but is zero."),
        (("--name", "mine"), "--name has no effect without --out."),
        (("--seed", "-1"), "`seed` must be between 0 and 9223372036854775807, but is -1."),
        (("--units", "target"), "--units must be NAME=UNIT"),
        (("--form", "cubic"), "`polynomial`, `power-law`, `monotone`, `points`, but is cubic."),
        (("--sampler", "normal"), "`sampler` must be one of `parametric`, `empirical`, but is normal."),
    ],
)
def test_refusals_leave_everything_as_it_was(rampjax: Run, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    table(tmp_path / "measured.csv", n=40)
    (tmp_path / "old.toml").write_text("kept")
    before = contents(tmp_path)
    done = rampjax("device", "fit", "measured.csv", *options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert contents(tmp_path) == before


def test_no_table(rampjax: Run) -> None:
    done = rampjax("device", "fit", "none.csv")
    assert (done.status, done.err) == (2, "rampjax: none.csv: no such file, expected a CSV table with a header.\n")


def test_what_was_read_is_said_first(rampjax: Run, tmp_path: Path) -> None:
    table(tmp_path / "measured.csv", n=60)
    rows = (tmp_path / "measured.csv").read_text().splitlines()[1:]
    cells = [row.replace(".", ",", 2).split(",") for row in rows]
    lines = [f"{a},{b}\tx\t{c},{d}" for a, b, c, d in cells]
    (tmp_path / "german.tsv").write_text("\n".join(lines))
    names = ("--no-header", "--columns", "target_uS,_,g_uS", "--form", "constant")
    said = (
        "german.tsv: tabs, decimal commas, no header, names from --columns; 60 rows",
        "german.tsv: column 1 as target in uS; column 3 as measured in uS; column 2 left out",
    )
    done = rampjax("device", "fit", "german.tsv", *names)
    assert done.out.startswith("".join(f"read {each}\n" for each in said) + "\ngerman.tsv: 60 rows")
    assert "read german" not in done.err
    done = rampjax("device", "fit", "german.tsv", *names, "--json", "--sep", "tab", "--decimal", "comma")
    assert done.err.startswith("".join(f"rampjax: read {each}\n" for each in said))
    assert strict(done.out)["read_as"] == list(said)
    for options, refusal in (
        (("--sep", "dot"), "--sep must be comma, tab, semicolon, bar, space or another mark"),
        (("--decimal", "dot"), '--decimal must be point or comma, but is "dot".'),
        (("--no-header",), "--no-header needs the names of the columns"),
        (("--columns", "a,,b"), "--columns: column 2 has no name"),
    ):
        done = rampjax("device", "fit", "measured.csv", *options)
        assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
        assert refusal in done.err
