"""How a measured file is written: what a user chooses where it is not to be recognised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rampjax.checks import InputError, nearest
from rampjax.interop.measured.units import in_quotes

LEFT_OUT: Final = ("_", "-")  # names of a column that is left out
REST: Final = "..."  # ends the last name where it stands for all further cells of a row too

_SEPS: Final = {"comma": ",", "tab": "\t", "semicolon": ";", "bar": "|", "space": " ", "\\t": "\t"}
_DECIMALS: Final = {"point": ".", "comma": ",", ".": ".", ",": ","}


@dataclass(frozen=True)
class Reading:
    """How a file is to be read."""

    sep: str | None = None  # one character between cells (a space: one or more); None: as recognised
    decimal: str | None = None  # "." or ","; None: as recognised
    header: bool = True  # a line of names stands before the rows
    columns: tuple[str, ...] | None = None  # names in place of the header's


AS_RECOGNISED: Final = Reading()


def parse_reading(
    sep: str | None = None, decimal: str | None = None, no_header: bool = False, columns: str | None = None
) -> Reading:
    """Returns how to read a file, from the texts of options.

    Args:
        sep: of `--sep`: comma, tab, semicolon, bar, space, or the character itself.
        decimal: of `--decimal`: point or comma.
        no_header: of `--no-header`.
        columns: of `--columns`: names joined by commas, as a header would have them.

    Raises:
        InputError: not of this form.
    """
    if decimal is not None and decimal not in _DECIMALS:
        raise InputError(f"--decimal must be point or comma, but is {in_quotes(decimal)}.")
    return Reading(
        sep=None if sep is None else _separator(sep),
        decimal=None if decimal is None else _DECIMALS[decimal],
        header=not no_header,
        columns=None if columns is None else _names(columns),
    )


def _separator(text: str) -> str:
    if text in _SEPS:
        return _SEPS[text]
    if len(text) != 1 or text.isalnum() or not (text.isprintable() or text == "\t") or text in "\"'.+-_#":
        near = nearest(text, _SEPS) if len(text) > 1 else ""
        raise InputError(
            "--sep must be comma, tab, semicolon, bar, space or another mark that stands between cells, but is "
            f"{in_quotes(text)}.{near}"
        )
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().replace("…", REST) for name in text.split(","))
    check_names("--columns", names)
    if all(name.removesuffix(REST) in LEFT_OUT for name in names):
        raise InputError(f"--columns must name a column, but is {in_quotes(text)}.")
    return names


def check_names(where: str, names: Sequence[str]) -> None:
    """Raises InputError where a name is missing, or one that is not the last goes on; `where` begins the sentence."""
    for place, name in enumerate(names, 1):
        if not name.removesuffix(REST).strip():
            raise InputError(f"{where}: column {place} has no name, expected one, or _ to leave the column out.")
        if name.endswith(REST) and place < len(names):
            raise InputError(f"{where}: {in_quotes(name)} goes on to the end of a row, expected it as the last name.")
