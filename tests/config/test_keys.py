"""The keys as text: help and the README's table of variations say what the fields say."""

import itertools
import subprocess
import sys
from pathlib import Path

from rampjax.circuit.blocks import BLOCKS, SETTING, info, knobs
from rampjax.config.device_fields import FIELDS
from rampjax.config.keys import key_lines, variation_rows, variation_table
from rampjax.config.settings import CIRCUIT_KEYS, DEVICE_KEYS

README = Path(__file__).parents[2] / "README.md"


def test_help_has_one_line_for_every_key_that_can_be_set() -> None:
    lines = [line.split() for line in key_lines() if line.startswith("  ")]
    settable = [key for key in DEVICE_KEYS if FIELDS[key.removeprefix("device.")].settable]
    assert [words[0] for words in lines] == [*settable, *CIRCUIT_KEYS]
    assert max(map(len, key_lines())) <= 120


def test_the_table_of_variations_has_every_device_field_and_every_knob_that_varies() -> None:
    varying = {
        f"{section}.{key}"
        for section, block in BLOCKS.items()
        for key, item in knobs(block).items()
        if info(item).clock != SETTING
    }
    keys = [key for key, *_ in variation_rows()]
    assert len(set(keys)) == len(keys)
    assert {key.partition(" ")[0].removeprefix("device.") for key in keys} == varying | set(FIELDS)


def test_the_readme_has_the_table_of_variations() -> None:
    lines, table = README.read_text(encoding="utf-8").splitlines(), variation_table()
    start = lines.index(table[0]) if table[0] in lines else 0
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    assert rows == table, "paste the lines of rampjax.config.keys.variation_table() into README.md"


def test_keys_load_nothing_heavy() -> None:
    code = (
        "import sys; from rampjax.config.keys import key_lines; list(key_lines());"
        "sys.exit(any(name in sys.modules for name in ('jax', 'pandas', 'pydantic', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
