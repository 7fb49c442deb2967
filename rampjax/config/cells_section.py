"""The table [cells] of a device file: measured cells that stand in place of the laws of its errors and its ageing."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, Strict

from rampjax.checks import InputError
from rampjax.circuit.device_faults import REPLACED_BY_CELLS, cells_fault
from rampjax.config.toml_file import Frozen, NonNegative, Text

_SHA256_DIGITS: Final = 64
_NEEDED: Final = {"bias_prog_uS": "value", "sigma_prog_uS": "constant"}  # every device has them


def _is_sha256(text: str) -> str:
    if len(text) != _SHA256_DIGITS or set(text) - set("0123456789abcdef"):
        raise ValueError(f"must be a SHA-256, {_SHA256_DIGITS} of the digits 0 to 9 and a to f")
    return text


def _is_name(text: str) -> str:
    if PurePath(text).is_absolute() or ".." in PurePath(text).parts:
        raise ValueError("must be the name of a file beside the device file or in the folder of --data")
    return text


class CellsConfig(Frozen):
    """Which file holds the cells, how it is read, and where it is from."""

    file: Annotated[Text, AfterValidator(_is_name)] = Field(description="the name of a file of measured cells")
    sha256: Annotated[str, Strict(), AfterValidator(_is_sha256)] = Field(description="the SHA-256 of the file")
    # As the options of `rampjax device fit` have them; None: recognised.
    columns: Text | None = None
    header: Annotated[bool, Strict()] = True
    sep: Text | None = None
    decimal: Text | None = None
    window_uS: NonNegative = 0.0
    license: Text = Field(description="text that names the license of the file")
    source: Text = Field(description="text that says where the file is from")

    @property
    def text(self) -> str:
        """How an aim takes one of the cells."""
        near = f"a target within {self.window_uS:g} µS" if self.window_uS else "the nearest target"
        return f"a cell of {self.file} with {near}, all alike likely"


def with_stand_ins(data: Any) -> Any:
    """Returns the tables of a device with a zero for the figures that every device has, where its cells are measured.

    Raises:
        InputError: a figure beside the cells that they stand in place of.
    """
    if not isinstance(data, Mapping) or data.get("cells") is None:
        return data
    for key in REPLACED_BY_CELLS:
        if key in data:
            raise InputError(cells_fault(key))
    said = {"certainty": "measured", "source": "no law: the error is that of measured cells"}
    return {**data, **{key: {number: 0.0, **said} for key, number in _NEEDED.items()}}
