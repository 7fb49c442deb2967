"""What a process asks of JAX for its own sake: chips are the same all the same, or the run says what was asked."""

from collections.abc import Iterator
from contextlib import ExitStack

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rampjax as rj
from rampjax.config.points import point_from_options
from rampjax.montecarlo.chip import sample_chip
from rampjax.montecarlo.keys import seeded_key
from rampjax.study.budget import run_budget
from rampjax.study.provenance import describe_run, first_difference


@pytest.fixture
def hostile() -> Iterator[ExitStack]:
    """Everything at once that a process may ask; closed, JAX is as it was."""
    with ExitStack() as stack:
        for setting in (
            jax.enable_x64(True),
            jax.default_prng_impl("rbg"),
            jax.threefry_partitionable(False),
            jax.numpy_dtype_promotion("strict"),
            jax.numpy_rank_promotion("raise"),
            jax.debug_infs(True),
            jax.debug_nans(True),
            jax.transfer_guard("disallow"),
        ):
            stack.enter_context(setting)
        jax.config.update("jax_random_seed_offset", 3)
        stack.callback(jax.config.update, "jax_random_seed_offset", 0)
        yield stack


def test_chips_are_the_same(hostile: ExitStack) -> None:
    stuck = rj.load_device("taox_paper", stuck_off_prob=0.05)

    def chips() -> tuple[np.ndarray, np.ndarray]:
        design = rj.design("sigmoid", 3, device=stuck, calibration="one_point")
        result = rj.simulate(design, 300, seed=2**40 + 7, save_samples=True)
        return result.measures, sample_chip(design, 3, 17).thresholds

    asked = chips()
    hostile.close()
    for ours, plain in zip(asked, chips(), strict=True):
        assert np.array_equal(ours, plain)


def test_a_budget_is_the_same(hostile: ExitStack) -> None:
    point = point_from_options("tanh", 2)
    options = {"spec_lsb": 0.5, "samples": 64, "seed": 1, "yield_of": "max_inl_lsb"}
    asked = run_budget(point, **options)
    hostile.close()
    assert asked == run_budget(point, **options)


def test_a_solution_is_the_same(hostile: ExitStack) -> None:
    def solved() -> rj.Design:
        small = {"iterations": 10, "starts": 1, "chips": 8, "fresh_chips": 256}
        return rj.solve("tanh", 2, calibration="none", free=["scale"], **small).design

    asked = solved()
    hostile.close()
    plain = solved()
    for name in ("g_target_uS", "t_pulse_ns", "v_ramp_V"):
        assert np.array_equal(getattr(asked, name), getattr(plain, name)), name


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_a_key_is_that_of_jax_itself(seed: int) -> None:
    assert seeded_key(seed) == jax.random.key(seed, impl="threefry2x32")
    assert not jnp.any(seeded_key(seed) == seeded_key(seed + 2**32))


def test_what_is_left_to_the_user_is_in_the_provenance(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = describe_run({}, 1, 1)
    with jax.default_matmul_precision("highest"):
        assert first_difference(plain, describe_run({}, 1, 1)) == '`backend.matmul_precision` was null and is "highest"'
    with jax.disable_jit():
        assert first_difference(plain, describe_run({}, 1, 1)) == "`backend.jit` was true and is false"
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert str(first_difference(plain, describe_run({}, 1, 1))).startswith("`backend.xla_flags` was ")
    with jax.enable_x64(True):
        assert describe_run({}, 1, 1)["backend"]["x64"] is False
