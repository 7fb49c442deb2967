import copy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import polynomial

from rampjax.checks import InputError
from rampjax.config.devices import CURVES, FIELDS, device_names, load_device

Write = Callable[..., Path]
PRESETS = ["hku_hpe_taox_2026", "ihp_hfo2_milo", "neurram_2022", "taox_paper"]


def preset_table(name: str) -> dict[str, Any]:
    text = (resources.files("rampjax.config") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def as_toml(data: dict[str, Any]) -> str:
    def literal(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return "[" + ", ".join(literal(item) for item in value) + "]"
        return f'"{value}"' if isinstance(value, str) else str(value)

    bare = [f"{key} = {literal(value)}" for key, value in data.items() if not isinstance(value, dict)]
    tables = [
        "\n".join([f"[{key}]", *(f"{name} = {literal(item)}" for name, item in value.items())])
        for key, value in data.items()
        if isinstance(value, dict)
    ]
    return "\n".join(bare + tables)


def test_the_presets_are_there() -> None:
    assert device_names() == PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_every_field_of_a_preset_has_a_source_and_says_how_sure_it_is(name: str) -> None:
    device = load_device(name)
    assert device.name == name
    assert device.title
    for field in FIELDS:
        figure = getattr(device, field)
        if figure is not None:
            assert len(figure.source) > 10
            assert figure.certainty in ("seen", "derived", "reported", "assumed")
            assert figure.text


@pytest.mark.parametrize("name", PRESETS)
def test_sigma_is_not_negative_over_the_targets(name: str) -> None:
    device = load_device(name)
    g_uS = np.linspace(device.g_min_uS.value, device.g_max_uS.value, 1001)
    for field in CURVES:
        terms = getattr(device, field).coefficients_uS()
        assert terms.shape == (5,)
        assert (polynomial.polyval(g_uS, terms) >= 0.0).all()


def test_published_figures() -> None:
    taox, hku = load_device("taox_paper"), load_device("hku_hpe_taox_2026")
    assert taox.sigma_prog_uS.coefficients_uS().tolist() == [2.67, 0, 0, 0, 0]
    assert taox.sigma_read_uS.coefficients_uS().tolist() == [3.5, 0, 0, 0, 0]
    assert (taox.g_min_uS.value, taox.g_max_uS.value, taox.v_read_V.value) == (0.0, 150.0, 0.2)
    assert (hku.bias_prog_uS.value, hku.sigma_prog_uS.constant, hku.sigma_read_uS.constant) == (0.108, 3.894, 0.0)
    milo = load_device("ihp_hfo2_milo")
    assert (milo.g_min_uS.value, milo.g_max_uS.value) == (50.0, 225.0)
    np.testing.assert_allclose(milo.sigma_prog_uS.coefficients_uS(), [4.782, -0.009107, 0, 0, 0])


def test_unit_of_a_polynomial_is_absorbed() -> None:
    curve = load_device("neurram_2022").sigma_prog_uS
    for g_uS in (0.0, 7.0, 40.0):
        published = polynomial.polyval(g_uS / 40.0, [0.348, 16.030, -43.853, 45.393, -16.815])
        assert polynomial.polyval(g_uS, curve.coefficients_uS()) == pytest.approx(published, rel=1e-12)
    assert curve.text == "0.348 + 16.03 x - 43.853 x^2 + 45.393 x^3 - 16.815 x^4, x = g / 40 µS"


def test_clocks_and_units_are_plain() -> None:
    assert FIELDS["sigma_prog_uS"].clock == "static, set once per programming event"
    assert FIELDS["stuck_off_prob"].clock == "static, once per device"
    assert FIELDS["sigma_read_uS"].clock == "temporal, new at every read (cycle-to-cycle)"
    assert "not percent" in FIELDS["sigma_prog_uS"].unit


def test_overrides_replace_a_field_whatever_its_form() -> None:
    device = load_device("neurram_2022", {"sigma_prog_uS": 4, "g_ceiling_uS": 50.0, "bias_prog_uS": -0.1})
    assert device.sigma_prog_uS.coefficients_uS().tolist() == [4.0, 0, 0, 0, 0]
    assert device.sigma_prog_uS.certainty == "user"
    assert device.g_ceiling_uS is not None
    assert device.g_ceiling_uS.value == 50.0
    assert device.bias_prog_uS.value == -0.1
    assert load_device("neurram_2022").sigma_prog_uS.constant is None  # the preset itself is untouched


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("taox", {}, "`taox` is not a known device.*see `rampjax devices`.*Did you mean `taox_paper`"),
        ("taox_paper", {"sigma_prog": 1.0}, "`sigma_prog` is not a known key. Did you mean `sigma_prog_uS`"),
        ("taox_paper", {"sigma_prog_uS": -1}, "`sigma_prog_uS` must be at least 0, but is -1"),
        ("taox_paper", {"sigma_prog_uS": "4"}, '`sigma_prog_uS` must be a number, but is "4"'),
        ("taox_paper", {"sigma_prog_uS": True}, "`sigma_prog_uS` must be a number, but is true"),
        ("taox_paper", {"v_read_V": float("nan")}, "`v_read_V` must be a finite number, but is nan"),
        ("taox_paper", {"v_read_V": 10**400}, "`v_read_V` must be a"),
        ("taox_paper", {"v_read_V": 0}, "`v_read_V` must be positive, but is 0"),
        ("taox_paper", {"stuck_on_prob": 1.5}, "`stuck_on_prob` must be between 0 and 1, but is 1.5"),
        ("taox_paper", {"stuck_on_prob": 0.6, "stuck_off_prob": 0.6}, "must add up to at most 1"),
        ("taox_paper", {"g_min_uS": 150}, "`g_min_uS` must be below `g_max_uS`, but they are 150 and 150"),
        ("taox_paper", {"g_ceiling_uS": 100}, "`g_ceiling_uS` must be at least `g_max_uS`"),
        ("taox_paper", {"g_stuck_off_uS": 700}, "`g_stuck_off_uS` must not be above `g_stuck_on_uS`"),
        ("ihp_hfo2_milo", {"g_max_uS": 300}, "`sigma_prog_uS` is valid from 50 to 225 µS, but the targets"),
        ("ihp_hfo2_milo", {"g_min_uS": 10}, "`sigma_prog_uS` is valid from 50 to 225 µS, but the targets"),
    ],
)
def test_wrong_overrides_are_refused(name: str, overrides: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_device(name, overrides)


def test_a_users_own_file_loads(write: Write) -> None:
    path = write(as_toml(preset_table("neurram_2022")), "mine.toml")
    device = load_device(path, {"sigma_read_uS": 0.5})
    assert device.name == "mine"
    assert device.sigma_prog_uS == load_device("neurram_2022").sigma_prog_uS


FILE_MUTATIONS: list[tuple[str, Any]] = [
    ("wrong type", "a lot"),
    ("negative", -1.0),
    ("boolean", True),
    ("not finite", float("nan")),
]


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "g_ceiling_uS"])
def test_every_mutation_of_every_field_is_refused_with_file_and_key(field: str, write: Write) -> None:
    good = preset_table("taox_paper")
    number = "constant" if field in CURVES else "value"

    def refused(mutate: Callable[[dict[str, Any]], object], *parts: str) -> None:
        data = copy.deepcopy(good)
        mutate(data)
        with pytest.raises(InputError) as caught:
            load_device(write(as_toml(data), "mine.toml"))
        message = str(caught.value)
        assert "mine.toml: `" + field in message
        assert message.count("\n") == 0
        assert all(part in message for part in parts)

    for what, wrong in FILE_MUTATIONS:
        if not (what == "negative" and field == "bias_prog_uS"):
            refused(lambda data, wrong=wrong: data[field].update({number: wrong}), f"`{field}.{number}` must be")
    refused(lambda data: data.pop(field), "is missing")
    refused(lambda data: data.update({field: 3.0}), "must be a table, but is 3.0")
    refused(lambda data: data[field].pop("source"), f"`{field}.source` is missing")
    refused(lambda data: data[field].update(source=" "), f"`{field}.source` must not be empty")
    refused(lambda data: data[field].update(certainty="sure"), f"`{field}.certainty` must be one of")
    refused(lambda data: data[field].update(sourse="x"), "is not a known key", f"`{field}.source`")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"constant": 1.0, "polynomial": [1.0]}, "`sigma_prog_uS` must have exactly one of"),
        ({}, "`sigma_prog_uS` must have exactly one of"),
        ({"constant": 1.0, "g_unit_uS": 40.0}, "`sigma_prog_uS` must have `g_unit_uS` only beside"),
        ({"polynomial": []}, "must have 1 to 5 coefficients"),
        ({"polynomial": [1.0] * 6}, "must have 1 to 5 coefficients"),
        ({"polynomial": [1.0, "a"]}, r"`sigma_prog_uS.polynomial\[1\]` must be a number"),
        ({"polynomial": 1.0}, "`sigma_prog_uS.polynomial` must be a list"),
        ({"polynomial": [1.0], "g_unit_uS": 0}, "`sigma_prog_uS.g_unit_uS` must be positive"),
        ({"polynomial": [1.0], "valid_uS": [1.0]}, r"must have `valid_uS` as \[lowest, highest\]"),
        ({"polynomial": [1.0], "valid_uS": [0.0, 100.0]}, "is valid from 0 to 100 µS"),
        ({"polynomial": [1.0, -0.01]}, "must be at least 0 for every target.* but is -0.5 µS at 150 µS"),
        # (g - 75)**2 - 1 dips below zero inside the range only
        ({"polynomial": [5624.0, -150.0, 1.0]}, "but is -1 µS at 75 µS"),
    ],
)
def test_wrong_curves_are_refused(change: dict[str, Any], message: str, write: Write) -> None:
    data = preset_table("taox_paper")
    data["sigma_prog_uS"] = {"certainty": "seen", "source": "a paper", **change}
    with pytest.raises(InputError, match=message):
        load_device(write(as_toml(data), "mine.toml"))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('name = "x"\n', "`name` is not a known key"),
        ('sigma_prog_us = "x"\n', "`sigma_prog_us` is not a known key. Did you mean `sigma_prog_uS`"),
        ("title = 3\n#", "`title` must be text in quotes, but is 3"),
        ("title =\n#", r"is not valid TOML: invalid value \(at line 1"),
    ],
)
def test_wrong_top_level_of_a_device_file(extra: str, message: str, write: Write) -> None:
    with pytest.raises(InputError, match=message):
        load_device(write(extra + as_toml(preset_table("taox_paper")), "mine.toml"))


def test_a_missing_device_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml: no such file"):
        load_device(tmp_path / "none.toml")


def test_devices_load_neither_jax_nor_pandas() -> None:
    code = (
        "import sys; from rampjax.config import devices; devices.load_device('taox_paper');"
        "sys.exit(any(name in sys.modules for name in ('jax', 'pandas', 'scipy', 'seaborn')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
