"""What a study leaves in its folder."""

import html.parser
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rampjax.config.study_file import load_study
from rampjax.report.page import render_report
from rampjax.study.provenance import configuration_hash

KEYS = ["function", "bits", "device", "calibration"]
INTERVAL = ["spec_lsb", "yield_fraction", "ci_low", "ci_high", "n_samples"]
SIDES = [f"{kind}_yield_fraction{end}" for kind in ("static", "total") for end in ("", "_ci_low", "_ci_high")]


class Links(html.parser.HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.found, self.tags = [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for name, value in attrs if name in ("src", "href", "srcset", "poster", "data", "action")]


def read(folder, name):
    return pd.read_csv(folder / name, keep_default_na=False)


def test_yield_table(finished):
    frame = read(finished.folder, "yield.csv")
    assert list(frame.columns) == [*KEYS, "device.sigma_prog_uS", *INTERVAL, *SIDES]
    assert len(frame) == 4 * 2
    assert set(frame["calibration"]) == {"none", "one_point"}
    assert set(frame["spec_lsb"]) == {0.05, 0.2}
    assert (frame["n_samples"] == 300).all()
    assert ((frame["ci_low"] <= frame["yield_fraction"]) & (frame["yield_fraction"] <= frame["ci_high"])).all()


def test_columns_are_those_promised_where_nothing_else_varies(tmp_path, run_file):
    path = tmp_path / "one.toml"
    path.write_text('title = "One?"\nsamples = 20\n[report]\nfigures = []\n[design]\nbits = 3\n')
    run_file(path, tmp_path / "out")
    assert list(read(tmp_path / "out", "yield.csv").columns) == [*KEYS, *INTERVAL, *SIDES]


def test_a_study_of_missing_codes_has_counts_for_specs(tmp_path, run_file):
    path = tmp_path / "codes.toml"
    path.write_text(
        'title = "How many?"\nsamples = 300\n[report]\nfigures = ["yield_vs_spec", "trend"]\n[design]\nbits = 4\n'
        '[device]\nstuck_off_prob = 0.1\ng_stuck_off_uS = 0.0\n[vary]\ncalibration = ["none", "ramp_aware"]\n'
        '"device.sigma_prog_uS" = [1.0, 2.0, 3.0]\n[measure]\nyield_of = "missing_codes"\nspecs_lsb = [0, 1]\n'
        "save_samples = true\n"
    )
    outcome = run_file(path, tmp_path / "out")
    yields = read(tmp_path / "out", "yield.csv")
    assert set(yields["spec_lsb"]) == {0, 1}
    assert (yields[SIDES] == "").all().all()
    with np.load(tmp_path / "out" / "samples.npz", allow_pickle=False) as data:
        for number in range(len(data["points"])):
            counts = data[f"point_{number:05d}"][:, list(data["names"]).index("missing_codes")]
            own = yields.iloc[2 * number : 2 * number + 2]
            assert own["yield_fraction"].tolist() == pytest.approx(
                [np.mean(counts <= 0), np.mean(counts <= 1)], rel=1e-5
            )
    summary = read(tmp_path / "out", "summary.csv").set_index("measure").loc["missing_codes"]
    quantiles = summary[[column for column in summary if column.startswith("p")]]
    assert (quantiles.astype(float) % 1 == 0).all().all()
    assert "has no missing code on " in outcome.answer
    assert "temporal noise adds" in outcome.answer
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "at most 1 missing code" in page


def test_summary_has_noise_beside_the_worst_inl(finished):
    frame = read(finished.folder, "summary.csv")
    assert list(frame.columns[:6]) == [*KEYS, "device.sigma_prog_uS", "measure"]
    assert list(frame["measure"].unique()) == ["rmse_lsb", "max_inl_lsb", "noise_rms_lsb", "total_rmse_lsb"]
    assert ((frame["mean_ci_low"] <= frame["mean"]) & (frame["mean"] <= frame["mean_ci_high"])).all()


def test_samples_agree_with_the_tables(finished):
    summary, yields = read(finished.folder, "summary.csv"), read(finished.folder, "yield.csv")
    with np.load(finished.folder / "samples.npz", allow_pickle=False) as data:
        names, points = list(data["names"]), list(data["points"])
        for number, text in enumerate(points):
            values = data[f"point_{number:05d}"]
            assert values.shape == (300, 4)
            keys = dict(part.split("=") for part in text.split(", "))
            own = summary[(summary["function"] == keys["function"]) & (summary["calibration"] == keys["calibration"])]
            for i, name in enumerate(names):
                row = own[own["measure"] == name].iloc[0]
                assert row["mean"] == pytest.approx(values[:, i].astype(np.float64).mean(), rel=1e-5)
                assert row["std"] == pytest.approx(values[:, i].astype(np.float64).std(ddof=1), rel=1e-3, abs=1e-7)
            own = yields[(yields["function"] == keys["function"]) & (yields["calibration"] == keys["calibration"])]
            inl = values[:, names.index("max_inl_lsb")]
            total = values[:, names.index("total_rmse_lsb")]
            for row in own.itertuples():
                assert row.yield_fraction == pytest.approx(np.mean(inl <= np.float64(row.spec_lsb)), rel=1e-5)
                assert row.static_yield_fraction == row.yield_fraction
                assert row.total_yield_fraction == pytest.approx(np.mean(total <= np.float64(row.spec_lsb)), rel=1e-5)
    assert len(points) == 4


def test_provenance(finished):
    record = json.loads((finished.folder / "provenance.json").read_text())
    assert record["seed"] == 5
    assert record["samples"] == 300
    assert record["configuration_sha256"] == configuration_hash(record["configuration"])
    assert record["configuration"]["vary"]["function"] == ["sigmoid", "gelu"]
    assert {"rampjax", "jax", "numpy"} <= set(record["versions"])
    assert record["backend"]["platform"] == "cpu"
    assert "commit" in record


def test_page_is_self_contained(tmp_path, tiny, run_file):
    run_file(tiny, tmp_path / "out", ['title="Which <b>figures</b>?"', "samples=40", "design.levels=endpoint"])
    shutil.rmtree(tmp_path / "out")
    path = tmp_path / "figures.toml"
    path.write_text(tiny.read_text().replace("figures = []", 'figures = ["yield_vs_spec", "ramp"]'))
    outcome = run_file(path, tmp_path / "out", ['title="Which <b>figures</b>?"', "samples=40"])
    page = outcome.page.read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert [link[:22] for link in links.found] == ["data:image/png;base64,"] * 2
    assert not links.tags & {"script", "link", "iframe", "object", "embed"}
    assert "@import" not in page
    assert "url(" not in page
    assert "Which <b>" not in page
    assert {file.name for file in (tmp_path / "out/figures").iterdir()} == {"yield_vs_spec.png", "ramp.png"}
    assert not list((tmp_path / "out").rglob("*.tmp"))
    made = {file: file.read_bytes() for file in [outcome.page, *(tmp_path / "out/figures").iterdir()]}
    for file in made:
        file.unlink()
    assert render_report(tmp_path / "out") == outcome.page
    assert {file: file.read_bytes() for file in made} == made


def test_same_study_gives_same_bytes(tmp_path, finished, run_file, tables_of):
    again = tmp_path / "other" / "out"
    again.parent.mkdir()
    shutil.copy(finished.study, tmp_path / "other" / "tiny.toml")
    run_file(tmp_path / "other" / "tiny.toml", again)
    assert tables_of(again) == tables_of(finished.folder)
    for name in ("samples.npz", "report.html", "provenance.json"):
        assert (again / name).read_bytes() == (finished.folder / name).read_bytes()


def test_answer_is_in_the_page(finished):
    assert "sigmoid" in finished.outcome.answer
    assert finished.outcome.page == finished.folder / "report.html"
    assert "n_reads" in finished.outcome.page.read_text(encoding="utf-8")


def test_table_beside_the_study_file(tmp_path, monkeypatch, run_file):
    folder = tmp_path / "far" / "away"
    folder.mkdir(parents=True)
    (folder / "g.csv").write_text("x,y\n-1,0\n0,1\n2,3\n")
    (folder / "own.toml").write_text(
        'title = "Own?"\nsamples = 30\n[design]\nfunction = "g.csv"\nbits = 3\n[report]\nfigures = []\n'
    )
    monkeypatch.chdir(tmp_path)
    run_file(Path("far/away/own.toml"), Path("out"))
    assert list(read(Path("out"), "yield.csv")["function"].unique()) == ["g.csv"]
    configuration = json.loads(Path("out/provenance.json").read_text())["configuration"]
    assert list(configuration["tables"]) == ["g.csv"]
    assert "far" not in json.dumps(configuration)


def test_every_point_is_designed_before_anything_runs(tmp_path, tiny, refused):
    tiny.write_text(tiny.read_text().replace("bits = [3]", "bits = [3, 5]"))
    sentence = refused("study", "run", tiny, "--out", tmp_path / "out", "--set", "device.preset=ihp_hfo2_milo")
    assert "bits = 5" in sentence
    assert not (tmp_path / "out").exists()


def test_default_folder_and_json(tmp_path, tiny, monkeypatch, capsys):
    from rampjax import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "sys.argv", ["rampjax", "study", "run", "tiny.toml", "--samples", "20", "--seed", "9", "--json"]
    )
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    assert not stop.value.code
    record = json.loads(out)
    assert record["page"] == str(Path("results/tiny/report.html"))
    assert (record["points"], record["samples"], record["seed"]) == (4, 20, 9)
    assert "80 of 80 chips" in err
    assert (tmp_path / record["page"]).is_file()
    assert load_study(tiny).samples == 300
