"""Reads a TOML file and checks it against a model, with one clear sentence for whatever is wrong in it."""

import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import ErrorDetails

from rampjax.checks import InputError, nearest

LARGEST = 1e9  # the largest figure of a file, in its unit
MAX_LISTED = 20  # keys that a message lists
MAX_SHOWN = 60  # characters of a wrong value that a message repeats

# What pydantic calls a mistake, in the words of "`key` must be ...".
EXPECTED = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


class Frozen(BaseModel):
    """The ground of every section of a file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def at_least(low: float) -> AfterValidator:
    """Returns a validator of `value >= low` in the wording of `rampjax.checks`."""

    def check(value: float) -> float:
        if value < low:
            raise ValueError(f"must be at least {low:g}")
        return value

    return AfterValidator(check)


def positive(value: float) -> float:
    """Returns the value; raises ValueError unless it is above 0."""
    if value <= 0:
        raise ValueError("must be positive")
    return value


def of_sane_size(value: float) -> float:
    """Returns the value; raises ValueError where it is so large or so small that no unit of a file calls for it."""
    # Squares and ratios of such figures must stay finite in single precision.
    if abs(value) > LARGEST:
        raise ValueError(f"must be at most {LARGEST:g}")
    if 0 < abs(value) < 1 / LARGEST:
        raise ValueError(f"must be 0 or at least {1 / LARGEST:g}")
    return value


def between(low: float, high: float) -> AfterValidator:
    """Returns a validator of `low <= value <= high` in the wording of `rampjax.checks`."""

    def check(value: Any) -> Any:
        if not low <= value <= high:
            raise ValueError(f"must be between {_bound(low)} and {_bound(high)}")
        return value

    return AfterValidator(check)


def _bound(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _not_empty(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


# TOML has types of its own, so that nothing is converted: no number from text, no integer from a boolean.
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict(), AfterValidator(of_sane_size)]
NonNegative = Annotated[float, Strict(), at_least(0.0), AfterValidator(of_sane_size)]
Positive = Annotated[float, Strict(), AfterValidator(positive), AfterValidator(of_sane_size)]
Share = Annotated[float, Strict(), between(0, 1)]
Text = Annotated[str, Strict(), AfterValidator(_not_empty)]

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Reads a TOML file that holds `what` ("a study", "a device").

    Raises:
        InputError: no such file, a folder, not readable, not UTF-8, not TOML (with the line), or empty.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text + "\n")  # so that a mistake on the last line has a line number too
    except FileNotFoundError:
        raise InputError(f"{path}: no such file, expected the TOML file of {what}.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}), expected the TOML file of {what}.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8 (byte {error.start}), expected {what} in TOML.") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not valid TOML: {_lower_first(str(error))}.") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply, expected {what} in TOML.") from None
    if not data:
        raise InputError(f"{path}: is empty, expected {what}.")
    return data


def validate(
    model: type[Model], data: object, where: str, prefix: str = "", renamed: Mapping[str, str] | None = None
) -> Model:
    """Checks `data` against a model.

    Args:
        model: the model.
        data: a parsed table.
        where: the file, or whatever the values come from, for the message; "" for none.
        prefix: what stands before the model's own keys in the message, e.g. "design.".
        renamed: keys shown by another name, with all that is below them.

    Raises:
        InputError: one sentence on the first mistake.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(place(where) + _sentence(model, error.errors()[0], prefix, renamed or {})) from None


def place(where: str) -> str:
    """Returns what stands before a sentence to say where its culprit is: "FILE: ", or nothing."""
    return f"{where}: " if where else ""


def unknown_key(key: str, known: Collection[str]) -> str:
    """Returns the sentence for a key that nobody knows, with the nearest that is known."""
    near = nearest(key, known)
    few = (
        f" Known are {quoted(known)}." if len(known) <= MAX_LISTED else " `rampjax yield --help` lists those of --set."
    )
    return f"`{key}` is not a known key." + (near or few)


def quoted(names: Iterable[str]) -> str:
    """Returns "`a`, `b`" for a message."""
    return ", ".join(f"`{name}`" for name in names)


def shown(value: object) -> str:
    """Returns a wrong value as a message repeats it: short, on one line, as it stands in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, str):
        text = '"' + value.encode("unicode_escape").decode("ascii") + '"' if not value.isprintable() else f'"{value}"'
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(shown(item) for item in value[:MAX_SHOWN]) + "]"
    else:
        text = _number(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def toml_literal(value: object) -> str:
    """Returns text, a number, a list or a table of them as TOML has it, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_literal(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_literal(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(float(value))  # type: ignore[arg-type]


def _number(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to print an integer of more than 4300 digits
        return "an integer of thousands of digits"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _sentence(model: type[BaseModel], error: ErrorDetails, prefix: str, renamed: Mapping[str, str]) -> str:
    """Returns one sentence for one of pydantic's errors."""
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return str(cause)
    location, value, kind = error["loc"], error["input"], error["type"]
    first = str(location[0]) if location else ""
    key = renamed[first] + _suffix(location[1:]) if first in renamed else prefix + _path(location)
    if kind == "extra_forbidden":
        siblings = prefix + _path(location[:-1]) + ("." if len(location) > 1 else "")
        return unknown_key(key, [siblings + name for name in _fields(model, location[:-1])])
    if kind == "missing":
        return f"`{key}` is missing, expected {_wanted(model, location)}."
    if kind == "literal_error":
        names = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
        hint = nearest(value, names) if isinstance(value, str) else ""
        return f"`{key}` must be one of {quoted(names)}, but is {shown(value)}.{hint}"
    if isinstance(cause, ValueError):
        return f"`{key}` {cause}, but is {shown(value)}."
    expected = EXPECTED.get(kind)
    wording = f"must be {expected}" if expected else f"is wrong ({_lower_first(error['msg'])})"
    return f"`{key}` {wording}, but is {shown(value)}."


def _path(location: Sequence[str | int]) -> str:
    """Returns `measure.specs_lsb[1]` for ("measure", "specs_lsb", 1)."""
    return _suffix(location).removeprefix(".")


def _suffix(location: Sequence[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _submodel(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """Returns the model of a nested table, or None where the table is not a model's."""
    for part in location:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        models = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not models:
            return None
        model = models[0]
    return model


def _fields(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    nested = _submodel(model, location)
    return list(nested.model_fields) if nested else []


def _wanted(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """Returns what a missing key should have held."""
    nested = _submodel(model, location[:-1])
    field = nested.model_fields.get(str(location[-1])) if nested else None
    annotation = field.annotation if field else None
    if field and field.description:
        return field.description
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a table with {quoted(annotation.model_fields)}"
    return {str: "text in quotes", float: "a number", int: "an integer"}.get(annotation, "a value")  # type: ignore[arg-type]
