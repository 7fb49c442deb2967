"""The commands of study files and of what they wrote."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rampjax.cli.options import Data, Json, Set, whole
from rampjax.cli.printing import print_json

RUN_NOTE = "--set takes the keys that `rampjax yield --help` lists, and design.KEY, measure.KEY, spice.KEY of the file."


def study_run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study file, such as studies/yield_vs_error.toml.")],
    samples: Annotated[
        int | None,
        typer.Option("--samples", parser=whole, metavar="N", help="Chips per point, instead of the file's."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", parser=whole, metavar="S", help="Seed, instead of the file's.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the results, new or empty; default results/NAME."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run in its folder; --samples may have grown.")
    ] = False,
    set_: Set = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Run a study: tables, figures and one page."""
    from rampjax.config.study_file import load_study
    from rampjax.study.plan import plan_study
    from rampjax.study.progress import show_progress
    from rampjax.study.runner import run_plan

    options = [f"{key}={value}" for key, value in (("samples", samples), ("seed", seed)) if value is not None]
    study = load_study(file, [*options, *(set_ or [])])
    folder = out or Path("results") / study.name
    plan = plan_study(study, data)
    with show_progress(plan.samples * len(plan.points)) as advance:
        solving = partial(show_progress, unit="steps")
        outcome = run_plan(plan, folder, resume=resume, progress=advance, solving=solving)
    if as_json:
        print_json({"page": str(outcome.page), "points": len(plan.points), "samples": plan.samples, "seed": plan.seed})
    else:
        typer.echo(f"{outcome.answer}\n\n{len(plan.points)} points, {plan.samples} chips each; report: {outcome.page}")


def study_list(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of study files.")] = Path("studies"),
    as_json: Json = False,
) -> None:
    """List the studies of a folder with what they ask."""
    from rampjax.study.listing import list_studies, study_lines

    studies = list_studies(folder)
    if as_json:
        print_json({key: [study[key] for study in studies] for key in ("file", "title", "points", "samples")})
    else:
        typer.echo("\n".join(study_lines(studies)))


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that a study wrote.")],
    as_json: Json = False,
) -> None:
    """Draw figures and page of a study again, from its tables."""
    from rampjax.report.page import render_report

    page = render_report(folder)
    if as_json:
        print_json({"page": str(page)})
    else:
        typer.echo(f"report: {page}")
