"""Finds and reads the measured cells of devices that have them, before anything is designed."""

import dataclasses
import os
from collections.abc import Sequence
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
