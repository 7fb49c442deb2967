"""The command line as a process: pipes, consoles, interrupts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import MAIN

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")


def shell(arguments: str, redirected: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command in bash, with its stdout somewhere else; the exit status is the command's own."""
    command = f'"{sys.executable}" -c "{MAIN}" {arguments} {redirected}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True, timeout=60)


def test_pipe_that_closes_is_no_traceback() -> None:
    done = shell("functions", "| true")
    assert (done.returncode, done.stderr) == (141, "")


@needs_full
@pytest.mark.parametrize("arguments", ["functions", "functions --json", "--version", "design --help"])
def test_full_disk_is_a_sentence(arguments: str) -> None:
    done = shell(arguments, "> /dev/full")
    assert (done.returncode, done.stderr) == (2, "rampjax: `stdout` cannot be written: No space left on device.\n")


@needs_full
def test_interpreter_that_tells_all_has_nothing_to_tell_at_exit() -> None:
    """In development mode, Python reports a buffer that it cannot flush when it ends."""
    done = subprocess.run(
        ["bash", "-c", f'"{sys.executable}" -X dev -W ignore -c "{MAIN}" functions > /dev/full'],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_closed_stdout_is_refused_before_any_work() -> None:
    done = shell("functions", ">&-")
    assert done.returncode == 2
    assert done.stderr.startswith("rampjax: `stdout` is closed, expected a terminal, a file or a pipe")
    assert done.stderr.count("\n") == 1


@needs_full
def test_full_stderr_ends_nothing(tmp_path: Path) -> None:
    done = shell("functions --nonsense", "2> /dev/full")
    assert (done.returncode, done.stdout) == (2, "")
    done = shell(f"design tanh --bits 3 --json --out {tmp_path / 'out'}", "2> /dev/full")
    assert done.returncode == 0
    assert (tmp_path / "out" / "design.json").exists()


def test_console_without_greek() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "devices", "taox_paper"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_interrupt_is_no_traceback(tmp_path: Path) -> None:
    arguments = ["yield", "sigmoid", "--samples", "100000000", "--out", str(tmp_path / "out")]
    with subprocess.Popen([sys.executable, "-c", MAIN, *arguments], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("out/chunks/*/chunk_*.npz")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:  # Python loses an interrupt that comes while an object is finalised
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.endswith("rampjax: interrupted; the same command with --resume continues.\n")
