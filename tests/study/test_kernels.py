"""The function, sigma and calibration parameters are traced data: a study compiles few kernels."""

from pathlib import Path

import numpy as np

from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.config.build import build_design
from rampjax.config.study_file import load_study
from rampjax.montecarlo import engine
from rampjax.montecarlo.column import ColumnModel
from rampjax.montecarlo.keys import study_key
from rampjax.study.plan import plan_study

STUDIES = Path(__file__).parents[2] / "studies"


def count_traces(study_file):
    plan = plan_study(load_study(study_file))
    before = engine.trace_counts["ColumnModel"]
    for point in plan.points:
        design = build_design(point)
        params = converter_params(design)
        model = ColumnModel(column_structure(design), plan.measurement.all_names, len(params.v_target_V))
        kernel = engine.compile_kernel(model, 256)
        kernel.trace(np.zeros((engine.blocks_per_call(model, 256, plan.samples), 2), np.uint32), study_key(0), params)
    return engine.trace_counts["ColumnModel"] - before, len(plan.points)


def test_yield_vs_error_compiles_at_most_40_kernels():
    traces, points = count_traces(STUDIES / "yield_vs_error.toml")
    assert points == 216
    # Six widths times four structures: plain or ramp-aware, one column or four.
    assert traces <= 40
