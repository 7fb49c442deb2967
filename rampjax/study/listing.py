"""The studies of a folder, with what they ask."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rampjax.checks import InputError
from rampjax.config.study_file import load_study
from rampjax.report.text import table_lines


def list_studies(folder: Path) -> list[dict[str, Any]]:
    """Returns file, title, number of points and chips per point of every study file of a folder.

    Raises:
        InputError: no such folder, no study in it, or a study file that is wrong.
    """
    if not folder.is_dir():
        raise InputError(f"`{folder}` must be a folder of study files, but is none.")
    studies = [(path, load_study(path)) for path in sorted(folder.glob("*.toml"))]
    if not studies:
        raise InputError(f"`{folder}` must hold study files that end in .toml, but holds none.")
    return [
        {"file": str(path), "title": study.title, "points": len(study.points()), "samples": study.samples}
        for path, study in studies
    ]


def study_lines(studies: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line per study of `list_studies`."""
    rows = [(s["file"], str(s["points"]), str(s["samples"]), s["title"]) for s in studies]
    return table_lines(("file", "points", "chips each", "question"), rows, left=(0, 3))
