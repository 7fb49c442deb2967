"""The command line as a process: pipes, consoles, interrupts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from commands import MAIN


def test_pipe_that_closes_is_no_traceback() -> None:
    command = f'"{sys.executable}" -c "{MAIN}" functions | true'
    done = subprocess.run(["bash", "-c", command], check=False, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


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
    assert err.endswith("rampjax: interrupted.\n")
