"""Finished chunks on disk: a NumPy file each, written under a temporary name and renamed, so that a kill loses none."""

import zipfile
from pathlib import Path
from typing import Any

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
                counts = np.zeros(data["counts_shape"], np.int64)
                counts.flat[data["counts_places"]] = data["counts_values"]
                sums = BlockSums(counts=counts, **{name: data[name] for name in BlockSums._fields if name != "counts"})
                return Chunk(first, count, sums, data["kept"], data["measures"])
        except (OSError, EOFError, KeyError, ValueError, IndexError, zipfile.BadZipFile):
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
                np.savez(file, kept=chunk.kept, measures=chunk.measures, **_sparse(chunk.sums))
            temporary.replace(path)
        except OSError as error:
            raise InputError(f"`{path}` cannot be written: {error.strerror or error}.") from None


def _sparse(sums: BlockSums) -> dict[str, Any]:
    """The sums as arrays of a file: of the counts, almost all of which are 0, only those that are not."""
    arrays = sums._asdict()
    counts = arrays.pop("counts")
    places = np.flatnonzero(counts)
    shape = np.array(counts.shape)
    return {**arrays, "counts_places": places, "counts_values": counts.flat[places], "counts_shape": shape}
