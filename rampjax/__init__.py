"""rampjax: yield and design of nonlinear ramp ADCs for analog in-memory computing.

The names below load their room when first used, so that `import rampjax` costs nothing.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rampjax.checks import InputError as InputError
    from rampjax.circuit.assemble import converter_params as converter_params
    from rampjax.circuit.blocks import Circuit as Circuit
    from rampjax.circuit.converter import convert as convert
    from rampjax.circuit.converter import sample_column as sample_column
    from rampjax.circuit.design import Design as Design
    from rampjax.circuit.device import Device as Device
    from rampjax.interop.device_fit.fit import DeviceFit as DeviceFit
    from rampjax.interop.device_fit.fit import fit_device as fit_device
    from rampjax.interop.table import ConverterTable as ConverterTable
    from rampjax.interop.table_reading import load_table as load_table
    from rampjax.montecarlo.engine import run as run
    from rampjax.montecarlo.statistics import Statistics as Statistics
    from rampjax.solver.solve import Solution as Solution
    from rampjax.study.api import design as design
    from rampjax.study.api import load_design as load_design
    from rampjax.study.api import load_device as load_device
    from rampjax.study.api import run_study as run_study
    from rampjax.study.api import save_design as save_design
    from rampjax.study.api import simulate as simulate
    from rampjax.study.api import solve as solve
    from rampjax.study.export import export_table as export_table
    from rampjax.target.functions import as_function as as_function
    from rampjax.target.functions import table_function as table_function
    from rampjax.target.target import make_target as make_target

_ROOMS = {
    "InputError": "rampjax.checks",
    "Circuit": "rampjax.circuit.blocks",
    "ConverterTable": "rampjax.interop.table",
    "Design": "rampjax.circuit.design",
    "Device": "rampjax.circuit.device",
    "DeviceFit": "rampjax.interop.device_fit.fit",
    "Solution": "rampjax.solver.solve",
    "Statistics": "rampjax.montecarlo.statistics",
    "as_function": "rampjax.target.functions",
    "convert": "rampjax.circuit.converter",
    "converter_params": "rampjax.circuit.assemble",
    "design": "rampjax.study.api",
    "export_table": "rampjax.study.export",
    "fit_device": "rampjax.interop.device_fit.fit",
    "load_design": "rampjax.study.api",
    "load_device": "rampjax.study.api",
    "load_table": "rampjax.interop.table_reading",
    "make_target": "rampjax.target.target",
    "run": "rampjax.montecarlo.engine",
    "run_study": "rampjax.study.api",
    "sample_column": "rampjax.circuit.converter",
    "save_design": "rampjax.study.api",
    "simulate": "rampjax.study.api",
    "solve": "rampjax.study.api",
    "table_function": "rampjax.target.functions",
}

__all__ = ["__version__", *_ROOMS]  # noqa: PLE0604 - the names of the rooms


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("rampjax")
    if name in _ROOMS:
        return getattr(import_module(_ROOMS[name]), name)
    raise AttributeError(f"module 'rampjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
