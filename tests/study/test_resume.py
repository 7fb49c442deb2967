"""A run that is continued: what is refused, what is kept, and that the bits are those of a run in one go."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from rampjax import cli
from rampjax.config.points import point_from_options
from rampjax.montecarlo import engine
from rampjax.study import runner
from rampjax.study.budget import run_budget
from rampjax.study.provenance import first_difference
from rampjax.study.single import run_yield


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of one block of 256 chips."""
    monkeypatch.setattr(runner, "_CHUNK_VALUES", 0)
    monkeypatch.setattr(runner, "_LEAST_CHUNK", 256)


def stamps(folder):
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("chunk_*.npz"))}


def snapshot(folder):
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def assert_same_statistics(ours, others):
    for one, other in zip(ours.statistics, others.statistics, strict=True):
        assert one.n_samples == other.n_samples
        for name in ("total", "square", "counts", "edges", "n_not_finite"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["must be new or empty", "--resume"]),
        (["--resume", "--seed", "6"], ["`seed`", "5", "6"]),
        (["--resume", "--samples", "299"], ["`samples`", "300", "299"]),
        (["--resume", "--set", "design.bits=4"], ["configuration.vary.bits"]),
        (["--resume", "--set", "device.sigma_prog_uS=2.5"], ["sigma_prog_uS"]),
        (["--resume", "--set", "circuit.n_reads=2"], ["configuration.circuit.n_reads", "0", "2"]),
        (["--resume", "--set", "measure.specs_lsb=[0.1]"], ["configuration.measure.specs_lsb"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_another_run_is_refused(finished, refused, arguments, words):
    before = snapshot(finished.folder)
    sentence = refused("study", "run", finished.study, "--out", finished.folder, *arguments)
    for word in [str(finished.folder), *words]:
        assert word in sentence
    assert snapshot(finished.folder) == before


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("versions", "jax", "0.0.1"),
        ("versions", "numpy", None),
        ("backend", "platform", "gpu"),
        ("backend", "block", 16),
        ("backend", "x64", True),
    ],
)
def test_other_versions_or_backend_are_refused(tmp_path, tiny, run_file, refused, section, key, value):
    folder = tmp_path / "out"
    run_file(tiny, folder, ["samples=1"])
    path = folder / "provenance.json"
    record = json.loads(path.read_text())
    record[section][key] = value
    path.write_text(json.dumps(record))
    before = snapshot(folder)
    sentence = refused("study", "run", tiny, "--out", folder, "--samples", "1", "--resume")
    assert f"`{section}.{key}`" in sentence
    assert snapshot(folder) == before


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"samples": "many"}', "\udcff"])
def test_broken_provenance_is_refused(tmp_path, tiny, refused, text):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "provenance.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    before = snapshot(folder)
    assert str(folder) in refused("study", "run", tiny, "--out", folder, "--resume")
    assert snapshot(folder) == before


def test_table_that_changed_is_refused(tmp_path, tiny, run_file, refused):
    table = tmp_path / "g.csv"
    table.write_text("x,y\n0,0\n1,1\n")
    tiny.write_text(tiny.read_text().replace('"gelu"', '"g.csv"'))
    run_file(tiny, tmp_path / "out", ["samples=1"])
    table.write_text("x,y\n0,0\n1,2\n")
    sentence = refused("study", "run", tiny, "--out", tmp_path / "out", "--resume", "--samples", "1")
    assert "configuration.tables.g.csv" in sentence


def test_resume_of_nothing_is_a_new_run(tmp_path, tiny, run_file, finished, tables_of):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".provenance.json.77.tmp").write_text("{")  # killed in its first moment
    run_file(tiny, tmp_path / "out", resume=True)
    assert tables_of(tmp_path / "out") == tables_of(finished.folder)


def test_resume_of_a_finished_run_simulates_nothing(tmp_path, tiny, run_file, tables_of, monkeypatch):
    folder = tmp_path / "out"
    run_file(tiny, folder)
    before = tables_of(folder)

    def never(*_, **__):
        raise AssertionError("simulated again")

    monkeypatch.setattr("rampjax.montecarlo.engine._run_chunk", never)
    run_file(tiny, folder, resume=True)
    assert tables_of(folder) == before


def test_grown_run_equals_one_in_one_go(tmp_path, tiny, run_file, tables_of, small_chunks):
    grown, fresh = tmp_path / "grown", tmp_path / "fresh"
    run_file(tiny, grown, ["samples=600"])
    finished = {path: stamp for path, stamp in stamps(grown).items() if path.endswith("_256.npz")}
    assert len(finished) == 4 * 2
    outcome = run_file(tiny, grown, ["samples=1100"], resume=True)
    assert finished.items() <= stamps(grown).items()
    assert_same_statistics(outcome, run_file(tiny, fresh, ["samples=1100"]))
    assert tables_of(grown) == tables_of(fresh)
    for name in ("samples.npz", "report.html", "provenance.json"):
        assert (grown / name).read_bytes() == (fresh / name).read_bytes()


def test_chunks_do_not_move_a_bit(tmp_path, tiny, run_file, small_chunks, finished, tables_of):
    outcome = run_file(tiny, tmp_path / "out")
    assert_same_statistics(outcome, finished.outcome)
    assert tables_of(tmp_path / "out") == tables_of(finished.folder)


@pytest.mark.parametrize("harm", ["truncate", "empty", "garbage", "remove", "leave a temporary file"])
def test_harmed_chunk_is_simulated_again(tmp_path, tiny, run_file, finished, tables_of, harm):
    folder = tmp_path / "out"
    run_file(tiny, folder)
    path = sorted(folder.rglob("chunk_*.npz"))[1]
    whole = path.read_bytes()
    if harm == "remove":
        path.unlink()
    elif harm == "leave a temporary file":
        path.rename(path.with_suffix(".tmp"))
    else:
        path.write_bytes({"truncate": whole[: len(whole) // 2], "empty": b"", "garbage": b"PK" + bytes(500)}[harm])
    run_file(tiny, folder, resume=True)
    assert tables_of(folder) == tables_of(finished.folder)
    assert not list(folder.rglob("*.tmp"))


def test_killed_run_continues_to_the_same_bits(tmp_path, tiny, run_file, tables_of):
    sigmas = ", ".join(str(1 + i / 8) for i in range(8))
    tiny.write_text(tiny.read_text().replace("[2.67]", f"[{sigmas}]"))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = "from rampjax.cli import main; main()"
    arguments = [sys.executable, "-c", command, "study", "run", str(tiny), "--out", str(killed)]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 90
        while len(stamps(killed)) < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (killed / "yield.csv").exists()
    done = stamps(killed)
    assert 3 <= len(done) < 32
    outcome = run_file(tiny, killed, resume=True)
    assert done.items() <= stamps(killed).items()
    assert_same_statistics(outcome, run_file(tiny, whole))
    assert tables_of(killed) == tables_of(whole)
    for name in ("samples.npz", "report.html"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_killed_while_growing_leaves_tables_with_their_own_provenance(tmp_path, tiny, run_file, monkeypatch):
    folder = tmp_path / "out"
    run_file(tiny, folder, ["samples=20"])
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        run_file(tiny, folder, ["samples=40"], resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_first_difference_is_named_whole():
    old = {"configuration": {"design": {"bits": 5}}, "seed": 1, "versions": {}, "backend": {}}
    new = {"configuration": {"design": {"bits": 5}}, "seed": 1, "versions": {"jax": "1"}, "backend": {}}
    assert first_difference(old, old) is None
    lists = [{**old, "configuration": {"vary": {"bits": bits}}} for bits in ([3, 4], [3, 5], [3])]
    assert first_difference(*lists[:2]) == "`configuration.vary.bits[1]` was 4 and is 5"
    assert first_difference(*lists[1:]) == "`configuration.vary.bits` was [3, 5] and is [3]"
    assert first_difference(old, new) == '`versions.jax` was null and is "1"'


def test_a_title_is_no_part_of_what_a_run_rests_on(tmp_path, finished, run_file):
    folder = tmp_path / "out"
    shutil.copytree(finished.folder, folder)
    study = tmp_path / "tiny.toml"
    study.write_text(finished.study.read_text().replace('title = "', 'title = "New: '))
    run_file(study, folder, resume=True)
    assert "New: " in (folder / "report.html").read_text()
    assert (folder / "summary.csv").read_bytes() == (finished.folder / "summary.csv").read_bytes()


@pytest.fixture
def rampjax(monkeypatch, capsys):
    """Runs a command in this process and returns what it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rampjax", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert not stop.value.code
        return capsys.readouterr().out

    return run


def cut_off(command, folder, count, how):
    """Sends a signal to a command when the folder has so many chunks, and returns its stderr."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        deadline = time.monotonic() + 90
        while len(stamps(folder)) < count:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        return process.communicate(timeout=60)[1]


def test_a_yield_that_is_cut_off_twice_continues_to_the_same_bits(tmp_path, tables_of, small_chunks, rampjax):
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    options = ["yield", "tanh", "--bits", "2", "--samples", str(100 * 256 + 7), "--json", "--out"]
    small = "from rampjax.study import runner; runner._CHUNK_VALUES, runner._LEAST_CHUNK = 0, 256"
    command = [sys.executable, "-c", f"{small}; from rampjax.cli import main; main()", *options, str(cut)]
    err = cut_off(command, cut, 3, signal.SIGINT)
    assert err.endswith("rampjax: interrupted; the same command with --resume continues.\n")
    cut_off([*command, "--resume"], cut, len(stamps(cut)) + 3, signal.SIGKILL)
    assert not (cut / "yield.csv").exists()
    done = stamps(cut)
    assert rampjax(*options, cut, "--resume") == rampjax(*options, whole)
    assert 6 <= len(done) < len(stamps(cut)) == 101
    assert done.items() <= stamps(cut).items()
    assert tables_of(cut) == tables_of(whole)
    assert (cut / "report.html").read_bytes() == (whole / "report.html").read_bytes()


@pytest.fixture(scope="session")
def finished_yield(tmp_path_factory):
    """The options and the folder of a yield with its budget, which no test writes to."""
    folder = tmp_path_factory.mktemp("yield") / "out"
    options = {"samples": 64, "seed": 1, "budget": True, "out": folder}
    record = run_yield(point_from_options("tanh", 2), **options)
    run_budget(point_from_options("tanh", 2), spec_lsb=0.5, samples=64, seed=1, yield_of=record["measure"], out=folder)
    return ["yield", "tanh", "--bits", "2", "--samples", "64", "--seed", "1", "--budget"], folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["must be new or empty", "--resume"]),
        (["--resume", "--seed", "2"], ["`seed`", "1", "2"]),
        (["--resume", "--samples", "63"], ["`samples`", "64", "63"]),
        (["--resume", "--bits", "3"], ["`configuration.bits` was 2 and is 3"]),
        (["--resume", "--measure", "total"], ["configuration.specs_lsb", "configuration.yield_of"]),
        (["--resume", "--set", "device.sigma_prog_uS=4.0"], ["configuration.device"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_another_yield_is_refused(finished_yield, refused, arguments, words):
    options, folder = finished_yield
    before = snapshot(folder)
    sentence = refused(*options, "--out", folder, *arguments)
    assert str(folder) in sentence
    assert any(word in sentence for word in words)
    assert snapshot(folder) == before


def test_a_yield_without_its_budget_is_another(finished_yield, refused):
    options, folder = finished_yield
    assert "`configuration.budget` was true and is false" in refused(*options[:-1], "--out", folder, "--resume")


def test_resume_without_a_folder_is_refused(refused):
    assert "--resume has no effect without --out" in refused("yield", "tanh", "--resume")


def test_a_budget_continues(tmp_path, finished_yield, rampjax, monkeypatch):
    options, whole = finished_yield
    cut = tmp_path / "cut"
    shutil.copytree(whole, cut)
    sorted((cut / "chunks").glob("budget_*"))[1].rename(tmp_path / "lost")
    (cut / "budget.csv").unlink()
    simulated = []
    run_chunk = engine._run_chunk
    monkeypatch.setattr(engine, "_run_chunk", lambda *given: simulated.append(given) or run_chunk(*given))
    rampjax(*options, "--out", cut, "--resume")
    assert len(simulated) == 1
    for name in ("budget.csv", "report.html", "yield.csv"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
