"""What a command leaves on stdout, and what becomes of it where stdout takes no more."""

import errno
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

_READER_GONE = 141  # 128 + SIGPIPE: what a shell says of a program whose pipe was closed


def print_json(record: dict[str, Any]) -> None:
    """Prints one strict JSON object."""
    typer.echo(json.dumps(record, allow_nan=False))


def say_written(out: Path | None) -> None:
    """Says where the files of a command are."""
    if out is not None:
        typer.echo(f"\nwritten: {out}")


class Watched(io.RawIOBase):
    """A stream below Python's buffers that keeps its first error and drops what comes after it.

    So a disk that fills up under the output ends neither a run that has hours behind it nor the interpreter's last
    flush with a traceback, whichever library prints.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: Any, /) -> int | None:
        if self.error is None:
            try:
                count: int | None = self._raw.write(data)
            except OSError as error:
                self.error = error
            else:
                return count
        return memoryview(data).nbytes

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self._raw.isatty())

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def complaint(self) -> tuple[int, str]:
        """The exit status that the first error calls for, and a sentence on it: none where a reader has had enough."""
        if self.error is None:
            return 0, ""
        if self.error.errno == errno.EPIPE:
            return _READER_GONE, ""
        return 2, f"`stdout` cannot be written: {self.error.strerror or self.error}."


@contextmanager
def watched_streams() -> Iterator[Watched]:
    """Watches stdout and stderr inside the `with` block; its value is stdout.

    A stream that is closed, or that somebody has put in the place of a file's, stays as it is.
    """
    kept = sys.stdout, sys.stderr
    raws = [Watched(getattr(stream.buffer, "raw", stream.buffer)) if _is_text(stream) else None for stream in kept]
    sys.stdout, sys.stderr = (
        stream if raw is None else _as_text(stream, raw) for stream, raw in zip(kept, raws, strict=True)
    )
    try:
        yield raws[0] or Watched(None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = kept


def _is_text(stream: Any) -> bool:
    return isinstance(stream, io.TextIOWrapper)


def _as_text(stream: Any, raw: Watched) -> io.TextIOWrapper:
    # where a console has no µ, the rest is still to be read
    return io.TextIOWrapper(io.BufferedWriter(raw), stream.encoding, "replace", line_buffering=stream.line_buffering)
