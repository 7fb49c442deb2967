"""Chips that have been compared with ngspice, on disk: a file each, written whole, so that a kill loses none."""

import dataclasses
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rampjax.interop.spice.compare import ChipComparison
from rampjax.report.tables import write_whole

_FIELDS = [item.name for item in dataclasses.fields(ChipComparison)]


@dataclass(frozen=True, eq=False)
class Compared:
    """One chip that has been compared, and what its case does to it."""

    chip: ChipComparison
    effect_lsb: float
    effect_clocks: float


class ChipStore:
    """Keeps the compared chips of one point in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, sample: int) -> Path:
        return self.folder / f"chip_{sample:06d}.npz"

    def load(self, sample: int) -> Compared | None:
        """Returns a finished chip, or None; a file that cannot be read counts as not finished."""
        try:
            with self._path(sample).open("rb") as file, np.load(file, allow_pickle=False) as data:
                chip = ChipComparison(**{name: _as_held(data[name]) for name in _FIELDS})
                return Compared(chip, float(data["effect_lsb"]), float(data["effect_clocks"]))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            return None

    def save(self, compared: Compared) -> None:
        """Writes a finished chip whole.

        Raises:
            InputError: the folder cannot be written, or the disk is full.
        """
        arrays: dict[str, Any] = {name: getattr(compared.chip, name) for name in _FIELDS}
        content = io.BytesIO()
        np.savez(content, effect_lsb=compared.effect_lsb, effect_clocks=compared.effect_clocks, **arrays)
        write_whole(self._path(compared.chip.sample), content.getvalue())


def _as_held(values: np.ndarray) -> Any:
    return values.item() if values.ndim == 0 else values
