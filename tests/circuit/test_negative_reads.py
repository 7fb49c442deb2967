"""Reads below 0 µS: the share is that of a normal distribution, and it is said where it is more than 1 %."""

import numpy as np
import pytest
from scipy import stats

import rampjax as rj
from rampjax.circuit.negative_reads import worst_negative_read
from rampjax.config.points import point_from_options
from rampjax.study.notes import negative_read_note, negative_reads_note
from rampjax.study.single import yield_notes


def test_the_share_is_that_of_drawn_reads():
    design = rj.design("sigmoid", 8)
    found = worst_negative_read(design)
    assert found is not None
    assert found.g_uS == pytest.approx(design.g_target_uS.min())
    reads_uS = np.random.default_rng(1).normal(found.g_uS, 3.5, 200_000)
    assert found.share == pytest.approx(np.mean(reads_uS < 0), abs=0.003)
    assert negative_read_note(design) == (
        "The smallest step, 3.36 µS, would read below 0 µS on 17 % of reads (σ_read 3.5 µS): the noise is taken as "
        "normal all the same."
    )


@pytest.mark.parametrize(("share", "said"), [(0.009, False), (0.011, True)])
def test_it_is_said_above_one_percent(share, said):
    smallest_uS = rj.design("sigmoid", 5).g_target_uS.min()
    device = rj.load_device("taox_paper", sigma_read_uS=-smallest_uS / stats.norm.ppf(share))
    found = worst_negative_read(rj.design("sigmoid", 5, device=device))
    assert (found is not None) == said
    assert not said or found.share == pytest.approx(share, rel=1e-3)


def test_nothing_is_said_without_read_noise():
    design = rj.design("sigmoid", 8, device=rj.load_device("taox_paper", sigma_read_uS=0.0))
    assert worst_negative_read(design) is None
    assert negative_read_note(design) == ""


def test_a_yield_and_a_study_say_it():
    many, few = point_from_options("sigmoid", 8), point_from_options("sigmoid", 5)
    design = rj.design("sigmoid", 8)
    assert yield_notes(many, 1) == [negative_read_note(design)]
    assert yield_notes(few, 1) == []
    assert negative_reads_note([many], {0: design}) == negative_read_note(design)
    both = negative_reads_note([few, many], {0: rj.design("sigmoid", 5), 1: design})
    assert "the worst of 1 of 2 points with more than 1 % of such reads." in both
    assert negative_reads_note([few], {0: rj.design("sigmoid", 5)}) == ""
