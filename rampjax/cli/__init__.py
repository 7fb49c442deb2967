"""The command line: parse, call one function, print. Rooms are loaded inside commands, so that help is quick."""

import os
import sys
from typing import Annotated, Any, NoReturn, cast

import typer

from rampjax.checks import InputError
from rampjax.cli.column_commands import ADC_NOTE, CHECK_NOTE, COLUMN_NOTE, column_adc, column_check, column_program
from rampjax.cli.design_command import design
from rampjax.cli.device_command import DEVICE_NOTE, FIT_NOTE, device_fit
from rampjax.cli.device_noise_command import NOISE_NOTE, device_noise
from rampjax.cli.export_command import EXPORT_NOTE, export
from rampjax.cli.listings import bench, devices, functions
from rampjax.cli.options import KEYS
from rampjax.cli.printing import watched_streams
from rampjax.cli.solve_command import SOLVE_NOTE, solve
from rampjax.cli.spice_commands import CHECK_NOTE as SPICE_CHECK_NOTE
from rampjax.cli.spice_commands import SPICE_NOTE, spice_check, spice_export
from rampjax.cli.study_commands import RUN_NOTE, report, study_list, study_run
from rampjax.cli.yield_command import yield_

__all__ = ["app", "main"]

# What typer raises for a wrong option; its home differs between versions of typer.
_UsageError = cast(type[Exception], typer.BadParameter.__base__)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Yield and design of nonlinear ramp ADCs for analog in-memory computing.",
    epilog="Start with: rampjax yield sigmoid --bits 5 --calibration ramp_aware",
)
_study = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Run a study file, or list those of a folder.")
_study.command(name="run", epilog=RUN_NOTE)(study_run)
_study.command(name="list")(study_list)
_column = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=COLUMN_NOTE,
    help="Bench in and out: a program for a tester, and checks of what was measured.",
)
_column.command(name="program")(column_program)
_column.command(name="check", epilog=CHECK_NOTE)(column_check)
_column.command(name="adc", epilog=ADC_NOTE)(column_adc)
_device = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=DEVICE_NOTE,
    help="A device file from measurements: of programmed conductances, and of cells that are read on and on.",
)
_device.command(name="fit", epilog=FIT_NOTE)(device_fit)
_device.command(name="noise", epilog=NOISE_NOTE)(device_noise)
_spice = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=SPICE_NOTE,
    help="A sampled chip as an ngspice netlist, and the model checked against it.",
)
_spice.command(name="export", epilog=SPICE_NOTE)(spice_export)
_spice.command(name="check", epilog=f"{SPICE_CHECK_NOTE}\n\n{SPICE_NOTE}")(spice_check)

app.command(epilog=KEYS)(design)
app.command(epilog=f"{SOLVE_NOTE}\n\n{KEYS}")(solve)
app.command(name="yield", epilog=KEYS)(yield_)
app.command(epilog=EXPORT_NOTE)(export)
app.add_typer(_column, name="column")
app.add_typer(_device, name="device")
app.add_typer(_spice, name="spice")
app.add_typer(_study, name="study")
app.command()(report)
app.command()(bench)
app.command()(functions)
app.command()(devices)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"rampjax {version('rampjax')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Yield and design of nonlinear ramp ADCs for analog in-memory computing."""


def _refuse(sentence: str) -> NoReturn:
    typer.echo(f"rampjax: {sentence}", err=True)
    sys.exit(2)


def main() -> None:
    """Runs the command line; a bad input is one sentence on stderr and exit status 2, and so is a full disk."""
    if sys.stdout is None:  # before hours of work for nobody
        _refuse("`stdout` is closed, expected a terminal, a file or a pipe; > /dev/null drops what is printed.")
    with watched_streams() as out:
        status = _run()
        sys.stdout.flush()
        lost, sentence = out.complaint()
        if sentence:
            _refuse(sentence)
        sys.exit(lost or status or 0)


def _how_to_go_on(arguments: list[str]) -> str:
    kept = any(argument.partition("=")[0] == "--out" for argument in arguments)
    resumable = arguments[:2] == ["study", "run"] or (arguments[:1] == ["yield"] and kept)
    return "; the same command with --resume continues" if resumable else ""


def _run() -> Any:
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        _refuse(str(error))
    except _UsageError as error:
        usage: Any = error
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(usage.format_message(), err=True)
            sys.exit(2)
        message = usage.format_message()
        stop = "" if message[-1:] in ".?!" else "."
        _refuse(f"{message}{stop} See `{usage.ctx.command_path if usage.ctx else 'rampjax'} --help`.")
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    if status == 130:
        typer.echo(f"rampjax: interrupted{_how_to_go_on(sys.argv[1:])}.", err=True)
        sys.stdout.flush()
        sys.stderr.flush()
        # At once: threads that still compute would crash while the interpreter is taken down around them.
        os._exit(130)
    return status
