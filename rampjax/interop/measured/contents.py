"""The text of a measured file: plain or compressed by gzip, which its first bytes tell, whatever its name."""

import gzip
import io
import zlib
from pathlib import Path
from typing import Final

from rampjax.checks import InputError
from rampjax.config.reading import reading

MOST_BYTES: Final = 2**28  # of text: its cells take about ten times as much memory
_GZIP: Final = b"\x1f\x8b"


def read_text(path: str | Path, expected: str) -> tuple[str, bool]:
    """Returns the text of a file, and whether it was compressed.

    Args:
        path: the file: UTF-8, with or without a byte-order mark; perhaps compressed by gzip.
        expected: ends a sentence: "expected a CSV table with a header".

    Raises:
        InputError: cannot be read, a compressed file that is damaged, more text than `MOST_BYTES`, not UTF-8.
    """
    with reading(path, expected):
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        compressed = data.startswith(_GZIP)
        if compressed:
            data = _decompressed(path, data, expected)
        if len(data) > MOST_BYTES:
            what = "holds, once decompressed," if compressed else "has"
            raise InputError(f"{path}: {what} more than {MOST_BYTES // 2**20} MiB, expected a smaller table.")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]:
            raise InputError(f"{path}: is not text in UTF-8 (it looks like UTF-16 or binary data), {expected}.")
        text = data.decode("utf-8-sig")
    if "\0" in text:
        line = 1 + text[: text.index("\0")].count("\n")
        raise InputError(f"{path}: line {line}: has a NUL character, {expected}.")
    return text, compressed


def _decompressed(path: str | Path, data: bytes, expected: str) -> bytes:
    """The first of what gzip compressed, as many bytes as tell that there are too many."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return file.read(MOST_BYTES + 1)
    except EOFError:
        raise InputError(f"{path}: is compressed by gzip, but ends too early, {expected}.") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: looks compressed by gzip, but is damaged ({error}), {expected}.") from None
