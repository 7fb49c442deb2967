import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import pytest

import rampjax
from rampjax.cli import main
from rampjax.config.devices import device_names
from rampjax.config.study_file import load_study

STUDIES = Path(__file__).parents[1] / "studies"
HEAVY = ("jax", "pandas", "seaborn", "matplotlib", "scipy.stats")

LOADED = """
import json, sys
sys.argv = ["rampjax", *{arguments}]
{start}
print(json.dumps([name for name in {heavy} if name in sys.modules]), file=sys.stderr)
"""
COMMAND = """
from rampjax.cli import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""


@pytest.mark.parametrize(
    ("start", "arguments"),
    [
        ("import rampjax; rampjax.__all__; rampjax.__version__", []),
        (COMMAND, ["--help"]),
        (COMMAND, ["yield", "--help"]),
        (COMMAND, ["solve", "--help"]),
        (COMMAND, ["device", "fit", "--help"]),
        (COMMAND, ["column", "check", "--help"]),
        (COMMAND, ["export", "--help"]),
        (COMMAND, ["spice", "check", "--help"]),
        (COMMAND, ["functions"]),
        (COMMAND, ["functions", "--json"]),
        (COMMAND, ["devices"]),
        (COMMAND, ["devices", "neurram_2022"]),
        (COMMAND, ["devices", "neurram_2022", "--json"]),
    ],
)
def test_loads_neither_jax_nor_pandas(start: str, arguments: list[str]) -> None:
    code = LOADED.format(start=start, arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stderr) == []


def test_every_public_name_is_there() -> None:
    for name in rampjax.__all__:
        assert getattr(rampjax, name) is not None
    assert set(rampjax.__all__) <= set(dir(rampjax))
    with pytest.raises(AttributeError, match="no attribute 'desing'"):
        _ = rampjax.desing


def test_console_script() -> None:
    (script,) = entry_points(group="console_scripts", name="rampjax")
    assert script.load() is main


def test_package_data_is_there() -> None:
    assert files("rampjax").joinpath("py.typed").is_file()
    presets = {file.name for file in files("rampjax.config").joinpath("presets").iterdir()}
    assert {f"{name}.toml" for name in device_names()} <= presets
    assert "{{" in files("rampjax.report").joinpath("templates", "report.html.j2").read_text(encoding="utf-8")


def test_every_room_says_what_it_is() -> None:
    root = Path(str(files("rampjax")))
    for path in root.rglob("*.py"):
        module = importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))
        assert module.__doc__, path


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_studies_load(path: Path) -> None:
    study = load_study(path)
    assert study.title.endswith("?")
    assert len(study.points()) > 1


def test_studies_are_shipped() -> None:
    assert {"yield_vs_error", "calibration"} <= {path.stem for path in STUDIES.glob("*.toml")}


def test_a_study_knows_the_measures_that_there_are() -> None:
    from rampjax.config.sections import MEASURES
    from rampjax.metrics import MEASURES as MEASURED

    assert MEASURES == MEASURED
