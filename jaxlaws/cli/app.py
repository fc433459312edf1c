"""The command line as a whole: its commands, and one line for whatever goes wrong in them."""

from __future__ import annotations

import importlib.metadata
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from jaxlaws.cli._compiled import keep_compiled
from jaxlaws.cli._output import one_line
from jaxlaws.cli.bulk import bulk
from jaxlaws.cli.check import check
from jaxlaws.cli.compare import compare
from jaxlaws.cli.data import data
from jaxlaws.cli.diagnose import diagnose
from jaxlaws.cli.fit import fit
from jaxlaws.cli.laws import cite, laws
from jaxlaws.cli.plan import plan
from jaxlaws.cli.predict import predict
from jaxlaws.cli.refit import diff, refit
from jaxlaws.cli.report import report
from jaxlaws.errors import JaxlawsError

INTERRUPTED, CLOSED_PIPE = 130, 141  # as shells report a program that Ctrl-C or a closed pipe ended

app = typer.Typer(name="jaxlaws", add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
for command in (laws, cite, data, check, fit, diagnose, refit, diff, predict, compare, bulk, report):
    app.command()(command)
app.add_typer(plan)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status of the command line `arguments` (default: those of the process). Prints; never raises on bad input."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the caller closed it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # as long as the process
        # A run's name that the terminal's encoding lacks is shown escaped, and is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    keep_compiled()
    try:
        status = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _say("interrupted.", INTERRUPTED)
    except BrokenPipeError:
        _flush_or_drop()
        return CLOSED_PIPE
    except JaxlawsError as error:
        return _say(str(error))
    except OSError as error:
        _flush_or_drop()
        return _say(": ".join(map(str, filter(None, (error.filename, error.strerror or error)))))
    except MemoryError as error:
        return _say(f"there is not enough memory for this ({error}).")
    except Exception as error:
        if hasattr(error, "format_message"):  # of typer's own click, or of click where an older typer uses that
            return _say(_usage(error))
        if os.environ.get("JAXLAWS_TRACEBACK"):
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _say(f"internal, please report it: {what} (JAXLAWS_TRACEBACK=1 shows where).")


def _run(arguments: list[str]) -> int:
    # Not `app()`: it would turn a closed pipe and Ctrl-C into statuses and texts of its own.
    command = typer.main.get_command(app)
    try:
        with command.make_context("jaxlaws", arguments) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as error:  # --help, --version
        return error.exit_code


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "jaxlaws"
    message = error.format_message().rstrip(".")  # type: ignore[attr-defined]  # checked by the caller
    return f"{message}; see `{path} --help`."


def _say(message: str, status: int = 2) -> int:
    print(f"jaxlaws: {'' if status == INTERRUPTED else 'error: '}{one_line(message)}", file=sys.stderr)
    return status


def _flush_or_drop() -> None:
    """Send what stdout cannot take nowhere: the interpreter would try, and complain, once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        print(f"jaxlaws {importlib.metadata.version('jaxlaws')}")
    except importlib.metadata.PackageNotFoundError:
        print("jaxlaws, not installed")
    raise typer.Exit


@app.callback(invoke_without_command=True)
def _front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fit neural scaling laws: many starts, many runs, whole loss curves, and how far to trust them."""
    del version
    if context.invoked_subcommand is None:
        print(context.get_help())
