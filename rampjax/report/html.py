"""What every page shares: its templates, its figures inside it, provenance as rows, and how texts break."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from rampjax.report.figures import Drawn

_SHOWN_DEPTH = 6


def template(name: str) -> Template:
    """Returns a template of the package by name."""
    environment = Environment(
        loader=PackageLoader("rampjax.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(breakable=breakable, tied=tied)
    return environment.get_template(name)


def placed(figure: Drawn, title: str) -> dict[str, Any]:
    """Returns a figure as a template places it, the image inside the page."""
    return {
        "title": title,
        "name": figure.name,
        "uri": "data:image/png;base64," + base64.b64encode(figure.png).decode(),
        "width_in": figure.width_in,
        "caption": figure.caption,
        "alt": figure.alt,
    }


def provenance_rows(provenance: Mapping[str, Any], prefix: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Flattens nested provenance to rows of dotted key and text, in their order."""
    rows: list[tuple[str, str]] = []
    for key, value in provenance.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and depth < _SHOWN_DEPTH:
            rows.extend(provenance_rows(value, f"{name}.", depth + 1))
        elif isinstance(value, list | tuple) and not any(isinstance(v, Mapping | list | tuple) for v in value):
            rows.append((name, ", ".join(_plain(v) for v in value) or "none"))
        else:
            rows.append((name, _plain(value)))
    return rows


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, default=str) if isinstance(value, Mapping | list | tuple) else str(value)


def breakable(text: object, joints: str) -> Markup:
    """Escapes a text and lets it break after each of the given characters, as long names need."""
    escaped = str(escape(text))
    for joint in joints:
        escaped = escaped.replace(joint, f"{joint}<wbr>")
    return Markup(escaped)


def tied(text: object) -> Markup:
    """Escapes a text and keeps numbers and their units on one line."""
    escaped = str(escape(text))
    for unit in (" %", " LSB", " bits", " chips", " µS"):
        escaped = escaped.replace(unit, f"\u00a0{unit[1:]}")
    escaped = escaped.replace("± ", "±\u00a0").replace("q95 ", "q95\u00a0")
    escaped = escaped.replace("–", "\u2060–\u2060")  # word joiners keep "5–95" together
    return Markup(escaped)
