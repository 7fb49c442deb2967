"""Progress on stderr, on a terminal and off it."""

import io
import time

import pytest

from rampjax.study import progress
from rampjax.study.progress import show_progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_nothing_before_the_first_call(capsys):
    with show_progress(10):
        pass
    assert capsys.readouterr() == ("", "")


def test_off_a_terminal_a_line_now_and_then(capsys, clock):
    with show_progress(1_000) as advance:
        advance(0)
        clock[0] += 1
        advance(100)
        assert capsys.readouterr().err == ""
        clock[0] += 19
        advance(100)
        assert capsys.readouterr().err == "200 of 1000 chips, 10/s, 0:01:20 left\n"
        clock[0] += 5
        advance(800)
    assert capsys.readouterr() == ("", "1000 of 1000 chips in 0:00:25, 40/s\n")


def test_rate_is_that_of_late(capsys, clock):
    with show_progress(1_000_000) as advance:
        advance(0)
        advance(500_000)  # an earlier run's
        for _ in range(8):
            clock[0] += 10
            advance(100)
    last = capsys.readouterr().err.splitlines()[-1]
    assert ", 10/s, " in last


def test_on_a_terminal_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with show_progress(300) as advance:
        advance(0)
        time.sleep(0.01)
        advance(300)
    assert "300 of 300 chips in 0:00:00" in terminal.getvalue()


def test_error_passes_through(capsys):
    def stop():
        with show_progress(3) as advance:
            advance(0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert capsys.readouterr() == ("", "")
