"""Finished chunks on disk: a NumPy file each, written under a temporary name and renamed, so that a kill loses none."""

import zipfile
from pathlib import Path

import numpy as np

from rampjax.checks import InputError
from rampjax.montecarlo.engine import Chunk
from rampjax.montecarlo.statistics import BlockSums


class ChunkFolder:
    """Keeps the chunks of one run in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, first: int, count: int) -> Path:
        return self.folder / f"chunk_{first:015d}_{count}.npz"

    def load(self, first: int, count: int) -> Chunk | None:
        """Returns the finished chunk, or None; a file that cannot be read counts as not finished."""
        try:
            with self._path(first, count).open("rb") as file, np.load(file, allow_pickle=False) as data:
                sums = BlockSums(*(data[name] for name in BlockSums._fields))
                return Chunk(first, count, sums, data["kept"], data["measures"])
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            return None

    def save(self, chunk: Chunk) -> None:
        """Writes a finished chunk whole.

        Raises:
            InputError: the folder cannot be written, or the disk is full.
        """
        path = self._path(chunk.first, chunk.n_samples)
        temporary = path.with_suffix(".tmp")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                # Compressed: almost all counts are 0.
                np.savez_compressed(file, kept=chunk.kept, measures=chunk.measures, **chunk.sums._asdict())
            temporary.replace(path)
        except OSError as error:
            raise InputError(f"`{path}` cannot be written: {error.strerror or error}.") from None
