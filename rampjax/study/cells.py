"""Finds and reads the measured cells of devices that have them, before anything is designed."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from rampjax.checks import InputError
from rampjax.circuit.cells import MeasuredCells
from rampjax.config.device_config import DeviceConfig
from rampjax.config.points import Point
from rampjax.interop.cells import read_cells

VARIABLE: Final = "RAMPJAX_DATA"

AnyPoint = TypeVar("AnyPoint", bound=Point)


def with_cells(points: Sequence[AnyPoint], data: Path | None = None) -> list[AnyPoint]:
    """Returns points whose devices have their measured cells; all others as they are.

    Args:
        points: as configured.
        data: the folder of data files (`--data`); None: that of the environment variable RAMPJAX_DATA.

    Raises:
        InputError: a folder that is none, or that no device needs; a file that is not there or wrong.
    """
    if data is not None:
        if not data.is_dir():
            raise InputError(f"--data must be a folder, but {data} is {'a file' if data.exists() else 'not there'}.")
        if all(point.device.cells is None for point in points):
            raise InputError("--data has no effect, since no device here has measured cells (the table [cells]).")
    return [
        point if point.device.cells is None else dataclasses.replace(point, cells=device_cells(point.device, data))
        for point in points
    ]


def cells_notes(points: Sequence[Point]) -> Iterator[str]:
    """Yields what must be said of the measured cells that chips were made of, a sentence or two for each device."""
    held = {point.device.name: point for point in points if point.device.cells is not None}
    for name, point in held.items():
        cells, config = point.cells, point.device.cells
        if cells is None or config is None:
            continue
        yield (
            f"{name}: {cells.n_cells} measured cells of {config.file} (SHA-256 {config.sha256[:12]}) in place of "
            f"laws. Each programming event takes {config.text}, with its error at the first read and at every age "
            f"since (µS, static and slow); between ages it is linear in ln t. Source: {config.source}; license: "
            f"{config.license}."
        )
        yield (
            f"The chips of {name} are independent draws, with replacement, from the cells of one array. What those "
            "share (wafer, process, the way they were programmed and read) all chips share, so intervals hold for this "
            "array and say nothing of another one; what neighbours in the array have in common is lost."
        )


def device_cells(device: DeviceConfig, data: Path | None = None) -> MeasuredCells | None:
    """The measured cells of a device, None where it has laws.

    Args:
        device: as its file states it.
        data: see `with_cells`.

    Raises:
        InputError: the file is not there, or wrong.
    """
    if device.cells is None:
        return None
    folder = os.environ.get(VARIABLE)
    places = [place for place in (device.folder, data or (Path(folder) if folder else None)) if place is not None]
    for place in places:
        path = place / device.cells.file
        if path.exists():
            return read_cells(path, device.cells)
    looked = f" (looked in {', '.join(str(place) for place in places)})" if places else ""
    raise InputError(
        f"The measured cells of {device.name} are in {device.cells.file}, a file that is not there{looked}: give its "
        f"folder by --data DIR or by the environment variable {VARIABLE}. Its source: {device.cells.source}."
    )
