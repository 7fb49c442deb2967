"""Starts as arrays for the compiled descent: frames, parameters, and many of them stacked to common shapes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from rampjax.circuit.assemble import column_structure, converter_params
from rampjax.circuit.design import Design
from rampjax.circuit.structure import ColumnStructure, ConverterParams
from rampjax.circuit.timing import NEVER_V
from rampjax.solver.descent import Lane
from rampjax.solver.objective import Aim
from rampjax.solver.problem import Limits, Problem
from rampjax.solver.settings import SolveSettings
from rampjax.solver.starts import Start, start_charge_fC
from rampjax.solver.unknowns import Frame, Unknowns
from rampjax.target.arrays import TargetArrays, float32_array, stack_targets

Tree = TypeVar("Tree")

# How arrays are padded to a common length; all others with zeros.
_EDGE = ("v_target_V", "aim_x", "level_of", "entry_of", "levels")
_ONES = ("local", "n_devices")
_CHARGE_REACH = 20.0  # a free charge stays within this factor of the largest, downwards
_BEYOND = 1.3  # and this upwards: where the largest steps are aimed narrower, others may have more


def structure_of(designs: Sequence[Design], settings: SolveSettings) -> ColumnStructure:
    """One static structure that serves all these starts of a problem."""
    first = column_structure(designs[0])
    parallel = any((design.n_devices > 1).any() for design in designs)
    n_taps = designs[0].pulse_grid * settings.max_clocks if first.n_taps else 0
    return replace(first, parallel=bool(parallel), n_taps=n_taps)


def start_lane(
    start: Start,
    design: Design,
    arrays: TargetArrays,
    problem: Problem,
    limits: Limits,
    settings: SolveSettings,
    keys: tuple[Key[Array, ""], Key[Array, ""]],
) -> Lane:
    """One start as arrays.

    Args:
        start: the start.
        design: its design, with whole pulse widths.
        arrays: the target's.
        problem: what is designed.
        limits: of the problem.
        settings: freedom and objective.
        keys: of the chips that it sees, and of those on which the starts of its problem are compared.
    """
    base = converter_params(design, arrays)
    if settings.max_clocks > 1:
        clocks = jnp.ones(base.v_target_V.shape[0] - 1)
        base = base._replace(timing=base.timing._replace(n_clk=clocks))
    frame = _frame(start, design, base, problem, limits, settings)
    n_steps = len(start.grains)
    unknowns = Unknowns(
        log_charge=float32_array(np.log(start.charge_fC)),
        log_grains=float32_array(np.pad(np.log(start.grains), (0, frame.is_step.shape[0] - n_steps))),
        shift=jnp.zeros(frame.levels.shape[0]),
    )
    aim = Aim(float32_array(settings.spec_lsb), float32_array(settings.noise_weight))
    return Lane(unknowns, frame, base, aim, *keys)


def _frame(
    start: Start, design: Design, base: ConverterParams, problem: Problem, limits: Limits, settings: SolveSettings
) -> Frame:
    circuit, levels = problem.circuit, design.column.thresholds
    n_levels, n = base.v_target_V.shape[0], len(levels)
    n_entries = base.g_target_uS.shape[0] - design.n_bias
    step_of, rank = design.step_of, design.rank
    spare = n_entries - len(step_of)
    local = np.gradient(levels)
    held_fC = start_charge_fC(limits, (design.n_bias, design.t_bias_ns))
    top_fC = min(limits.largest_charge_fC(start.n_devices), held_fC)
    most_fC = min(top_fC * _BEYOND, max(limits.window_charge_fC, top_fC), held_fC)
    charge_range = np.log([top_fC / _CHARGE_REACH, most_fC])
    spline = base.target.spline
    lowest, highest = float(np.asarray(spline.x_lo)), float(np.asarray(spline.x_hi))
    inputs = problem.target.inputs
    if inputs is not None:
        lowest, highest = max(lowest, inputs.support[0]), min(highest, inputs.support[1])
    return Frame(
        levels=float32_array(np.pad(levels, (0, n_levels - n), mode="edge")),
        local=float32_array(np.pad(local, (0, n_levels - n), constant_values=1.0)),
        is_step=jnp.arange(n_levels - 1) < n - 1,
        n_devices=float32_array(np.pad(start.n_devices, (0, n_levels - n), constant_values=1)),
        step_of=jnp.asarray(np.pad(step_of, (0, spare)), jnp.int32),
        rank=float32_array(np.pad(rank, (0, spare))),
        is_entry=jnp.arange(n_entries) < len(step_of),
        g_min_uS=float32_array(limits.device.g_min_uS),
        g_max_uS=float32_array(limits.device.g_max_uS),
        grain_fC_uS=float32_array(limits.grain_fC_uS),
        grain_ns=float32_array(circuit.t_clk_ns / circuit.pulse_grid),
        clock_grains=float32_array(limits.clock_grains),
        least_grains=float32_array(limits.least_grains),
        most_grains=float32_array(limits.most_grains),
        v_window_V=float32_array(circuit.v_window_V),
        c_int_fF=float32_array(circuit.c_int_fF or 0.0),
        log_charge_range=float32_array(charge_range),
        supports=float32_array([lowest, highest]),
        n_bias=float32_array(design.n_bias),
        t_bias_ns=float32_array(design.t_bias_ns),
        free_charge=float32_array("scale" in settings.free),
        free_grains=float32_array("pulse_width" in settings.free),
    )


def stack(trees: Sequence[Tree]) -> Tree:
    """Stacks lanes, or parameters, of one structure along a new first axis, padded to common shapes.

    Args:
        trees: pytrees of the same kind whose arrays may differ in length.
    """
    with_targets = [_targets(tree) for tree in trees]
    targets = stack_targets([target for target, _ in with_targets])
    stacked = jax.tree_util.tree_map_with_path(_stack_leaf, *[rest for _, rest in with_targets])
    whole: Tree = _put_targets(stacked, targets)
    return whole


def _targets(tree: Any) -> tuple[TargetArrays, Any]:
    if isinstance(tree, Lane):
        target, base = _targets(tree.base)
        return target, tree._replace(base=base)
    return tree.target, tree._replace(target=None)


def _put_targets(tree: Any, targets: TargetArrays) -> Any:
    if isinstance(tree, Lane):
        return tree._replace(base=_put_targets(tree.base, targets))
    return tree._replace(target=targets)


def _stack_leaf(path: tuple, *leaves: Array) -> Array:
    name = getattr(path[-1], "name", "")
    if leaves[0].ndim == 0 or len({leaf.shape for leaf in leaves}) == 1:
        return jnp.stack(leaves)
    longest = max(leaf.shape[0] for leaf in leaves)
    return jnp.stack([_padded(leaf, longest - leaf.shape[0], name, path) for leaf in leaves])


def _padded(leaf: Array, count: int, name: str, path: tuple) -> Array:
    pad = ((0, count), *((0, 0) for _ in leaf.shape[1:]))
    if name in _EDGE:
        return jnp.pad(leaf, pad, mode="edge")
    if name in ("required_V", "settled_V"):  # what is added never decides
        return jnp.pad(leaf, pad, constant_values=NEVER_V)
    timing = len(path) > 1 and getattr(path[-2], "name", "") == "timing"
    return jnp.pad(leaf, pad, constant_values=1 if name in _ONES or (name == "n_clk" and timing) else 0)
