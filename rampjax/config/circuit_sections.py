"""The circuit's sections of a study file, generated from the blocks of `rampjax.circuit.blocks`, and back to them."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, Field, Strict, create_model

from rampjax.checks import InputError
from rampjax.circuit.blocks import BLOCKS, Circuit, Info, info, knobs
from rampjax.config.toml_file import Frozen, at_least, between, of_sane_size, place, positive, shown, validate


def _limits(said: Info) -> list[AfterValidator]:
    """The validators of what a figure must keep by itself."""
    if said.positive:
        return [AfterValidator(positive)]
    if said.low is not None and said.high is not None:
        return [between(said.low, said.high)]
    return [] if said.low is None else [at_least(said.low)]


def _strict(hint: Any, said: Info) -> Any:
    """Returns the annotation that a figure has in the model: nothing converted, everything within its limits."""
    if get_origin(hint) is types.UnionType:
        (held,) = (part for part in get_args(hint) if part is not type(None))
        return _strict(held, said) | None
    if get_origin(hint) is Literal:
        return hint
    size = [AfterValidator(of_sane_size)] if hint is float else []
    return Annotated[hint, Strict(), *_limits(said), *size]


def _model(name: str, block: type) -> type[BaseModel]:
    hints = get_type_hints(block)
    held: dict[str, Any] = {
        key: (_strict(hints[key], info(item)), Field(default=item.default, description=info(item).help))
        for key, item in knobs(block).items()
    }
    return create_model(name.capitalize() + "Section", __base__=Frozen, **held)


MODELS: Final[dict[str, type[BaseModel]]] = {name: _model(name, block) for name, block in BLOCKS.items()}


def read_circuit(tables: Mapping[str, object], where: str) -> Circuit:
    """Returns the circuit of the sections of a study file, each checked against its block.

    Args:
        tables: sections by name, as parsed from TOML; an absent one is at its defaults.
        where: the file, for the message.

    Raises:
        InputError: the first key or value that is wrong.
    """
    settings: dict[str, Any] = {}
    for section, table in tables.items():
        if not isinstance(table, Mapping):
            raise InputError(f"{place(where)}`{section}` must be a table, but is {shown(table)}.")
        checked = validate(MODELS[section], table, where, prefix=f"{section}.")
        settings |= {f"{section}.{key}": getattr(checked, key) for key in checked.model_fields_set}
    return set_circuit(Circuit(), settings)


def set_circuit(circuit: Circuit, settings: Mapping[str, Any]) -> Circuit:
    """Returns a circuit with checked settings, `SECTION.KEY`, put in; keys of other sections are passed over."""
    changed: dict[str, dict[str, Any]] = {}
    for full, value in settings.items():
        section, _, key = full.partition(".")
        if section in BLOCKS:
            changed.setdefault(section, {})[key] = value
    own = changed.pop("circuit", {})
    blocks = {section: dataclasses.replace(getattr(circuit, section), **held) for section, held in changed.items()}
    return dataclasses.replace(circuit, **blocks, **own)
