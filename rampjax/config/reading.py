"""Files that cannot be read: one wording. Headings: one rule."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rampjax.checks import InputError

_LIKE_A_NUMBER = re.compile(r"[\s\"']*([+-]?\.?\d|[+-]?(nan|inf|infinity)\b)", re.IGNORECASE)


def may_be_heading(cell: str) -> bool:
    """Says whether a cell in the first line may be a heading: it neither is a number nor begins like one."""
    return not _LIKE_A_NUMBER.match(cell)


@contextmanager
def reading(path: str | Path, expected: str) -> Iterator[None]:
    """Turns the errors of opening and decoding a file into one sentence.

    Args:
        path: the file that is read inside the `with` block.
        expected: ends the sentence: "expected the JSON of a design".

    Raises:
        InputError: no such file, not readable, or not UTF-8.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, {expected}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}), {expected}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8 (byte {error.start}), {expected}.") from None
