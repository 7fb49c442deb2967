"""Progress of a run on stderr: what is done, rate, time left. A bar on a terminal, a line now and then elsewhere."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

Advance = Callable[[int], None]

_WINDOW_S = 30.0  # the rate is that of the last half minute: chunks of an earlier run are read at once
_LINE_EVERY_S = 10.0


@contextmanager
def show_progress(total: int, unit: str = "chips") -> Iterator[Advance]:
    """Shows how many of `total` are done; the value in the context is called with the number just finished.

    Nothing is shown before the first call, so that what is refused before it leaves its own sentence alone.

    Args:
        total: how many there are to do.
        unit: what is counted.
    """
    console = Console(stderr=True)
    rate = _Rate(total, unit)
    with ExitStack() as stack:
        show = _bar(console, total, stack) if console.is_terminal else _lines(console, total)

        def advance(count: int) -> None:
            show(rate.add(count), rate.done)

        yield advance


class _Rate:
    """Counts what is done and words how fast it comes."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.done, self._unit = total, 0, unit
        self._start: float | None = None
        self._marks: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> str:
        now = time.monotonic()
        self._start = now if self._start is None else self._start
        self.done += count
        self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[0][0] > _WINDOW_S:
            self._marks.popleft()
        text = f"{self.done} of {self.total} {self._unit}"
        since, before = self._marks[0]
        if self.done == self.total:
            took_s = now - self._start
            # What is over at once has no rate worth a word, nor has what came in one piece.
            rate = f", {_per_second(self.done / took_s)}" if took_s >= 0.1 else ""
            return f"{text} in {_clock(took_s)}{rate}"
        if self.done == before:
            return text
        speed = (self.done - before) / max(now - since, 1e-9)
        return f"{text}, {_per_second(speed)}, {_clock((self.total - self.done) / speed)} left"


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds))) if seconds < 1e9 else "years"


def _bar(console: Console, total: int, stack: ExitStack) -> Callable[[str, int], None]:
    bar = Progress(BarColumn(), TextColumn("{task.fields[text]}"), console=console)
    task = bar.add_task("", total=total, text="")

    def show(text: str, done: int) -> None:
        if not bar.live.is_started:
            stack.enter_context(bar)
        bar.update(task, completed=done, text=text)

    return show


def _lines(console: Console, total: int) -> Callable[[str, int], None]:
    shown_s = time.monotonic()

    def show(text: str, done: int) -> None:
        nonlocal shown_s
        if done == total or time.monotonic() - shown_s > _LINE_EVERY_S:
            shown_s = time.monotonic()
            console.print(text, highlight=False, soft_wrap=True)

    return show
