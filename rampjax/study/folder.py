"""The folder of a study: who may write there, and what a run that continues must agree with."""

import json
import os
from pathlib import Path
from typing import Any

from rampjax.checks import InputError
from rampjax.report.tables import write_whole
from rampjax.study.provenance import first_difference

PROVENANCE = "provenance.json"
CHUNKS = "chunks"


def open_folder(folder: Path, resume: bool = False, hint: str = "") -> bool:
    """Makes a folder ready to be written, and returns whether it holds something already.

    Args:
        folder: where results go.
        resume: it may hold something.
        hint: ends the sentence about a folder that holds something.

    Raises:
        InputError: a folder that holds something, unless to resume, or that cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # What a kill left half written, under its temporary name, is nothing.
        holds_something = any(path.suffix != ".tmp" for path in folder.iterdir())
    except FileExistsError:
        raise InputError(f"`{folder}` cannot be written: it is a file, expected a folder.") from None
    except OSError as error:
        raise InputError(f"`{folder}` cannot be written: {error.strerror or error}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"`{folder}` cannot be written: permission denied.")
    if holds_something and not resume:
        raise InputError(f"`{folder}` must be new or empty, but holds files{hint}.")
    return holds_something


def claim_folder(folder: Path, run: dict[str, Any], resume: bool) -> None:
    """Makes a folder ready for a run, or refuses it before anything is overwritten.

    Args:
        folder: where the results go.
        run: the provenance of the run, as `describe_run` gives it.
        resume: continue what stands there; otherwise the folder must be new or empty.

    Raises:
        InputError: a folder that holds something, or cannot be written, or whose run differs from this one.
    """
    if open_folder(folder, resume, "; --resume continues a run of its own"):
        _check_same(folder, run)  # its provenance stays with its tables until there are new ones
    else:
        write_provenance(folder, run)


def write_provenance(folder: Path, run: dict[str, Any]) -> None:
    """Writes what a run says about itself, whole."""
    write_whole(folder / PROVENANCE, to_json(run))


def _check_same(folder: Path, run: dict[str, Any]) -> None:
    old = read_provenance(folder)
    difference = first_difference(old, run)
    if difference:
        raise InputError(f"`{folder}` cannot be continued: {difference}.")
    if not isinstance(old.get("samples"), int) or old["samples"] > run["samples"]:
        raise InputError(
            f"`{folder}` cannot be continued: `samples` must be at least {old.get('samples')}, but is {run['samples']}."
        )


def read_provenance(folder: Path) -> dict[str, Any]:
    """Reads what a run wrote about itself.

    Raises:
        InputError: no such file, or not what a run writes.
    """
    path = folder / PROVENANCE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"`{path}` must be the provenance of a run, but cannot be read: {error.strerror}.") from None
    except ValueError:
        raise InputError(f"`{path}` must be the provenance of a run, but is not JSON.") from None
    if not isinstance(document, dict):
        raise InputError(f"`{path}` must be the provenance of a run, but is not a JSON object.")
    return document


def to_json(document: dict[str, Any]) -> bytes:
    """Returns a document as indented strict JSON."""
    return (json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode()
