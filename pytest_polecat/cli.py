"""`polecat`: looks at profiles, and makes pages of runs. Whatever asks questions is pytest."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pytest_polecat import __version__
from pytest_polecat.asking.tables import nearest, shown
from pytest_polecat.cli_profiles import profiles_app
from pytest_polecat.cli_sandbox import sandbox_app
from pytest_polecat.errors import PolecatError
from pytest_polecat.rundir import RunDir

app = typer.Typer(
    help="Look at the profiles and runs of pytest-polecat. Asking questions is pytest's: pytest --polecat-model=NAME",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(profiles_app, name="profiles")
app.add_typer(sandbox_app, name="sandbox")

_RUNS = Path("polecat-runs")


def main() -> None:
    """Run the command line. What the user got wrong is told in one line on stderr, with exit status 2."""
    try:
        app()
    except PolecatError as error:
        problem = str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print(f"polecat: {shown(problem, limit=2000)}", file=sys.stderr)  # noqa: T201
    raise SystemExit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pytest-polecat {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", metavar="FILE", help="The polecat.toml to use (default: searched upward)"),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    context.obj = config


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help=f"Folder of the run, or its name in {_RUNS}")],
    profile: Annotated[str | None, typer.Option(metavar="NAME", help="One model of a run that has several")] = None,
) -> None:
    """Make the HTML page of each model in a run."""
    from pytest_polecat.reporting.html.page import write_page

    folder = RunDir(_run_folder(run))
    try:
        known = list(folder.read_run().profiles)
        for damage in folder.damage():
            typer.echo(f"polecat: {damage}", err=True)
        for name in _wanted(known, profile):
            page = folder.report(name if len(known) > 1 else None)
            try:
                write_page(folder, name, page)
            except OSError as error:
                mend = "pages go into the run's folder: make room there, or copy it to where you may write"
                raise PolecatError(f"{page} can't be made: {error.strerror}; {mend}") from None
            typer.echo(shown(page, limit=4096))
    except (ValueError, LookupError, TypeError) as error:
        problem = (str(error).splitlines() or [""])[0]
        message = f"{folder.path} is damaged or of another version: {type(error).__name__}: {problem}"
        raise PolecatError(f"{message}; ask again for a new run") from error


@app.command()
def schema() -> None:
    """Print the JSON Schema of suite files."""
    from pytest_polecat.grading.checks import BUILTIN
    from pytest_polecat.questions.schema import suite_schema

    expectations = {name: check.expectation for name, check in BUILTIN.items()}
    typer.echo(json.dumps(suite_schema(expectations), indent=2, ensure_ascii=False))


def _run_folder(run: Path) -> Path:
    folder = next((path for path in (run, _RUNS / run) if path.exists()), None)
    if folder is None:
        raise PolecatError(f"{run}: there is no such run; give its folder, such as {_RUNS}/20261121-143005-c7f2")
    return folder if folder.is_dir() else folder.parent


def _wanted(known: list[str], profile: str | None) -> list[str]:
    if not known:
        raise PolecatError("this run holds no profile, so there is no page to make")
    if profile is None:
        return known
    if profile not in known:
        names = ", ".join(f'"{name}"' for name in nearest(profile, known) or known)
        raise PolecatError(f'no profile "{profile}" in this run; it has: {names}')
    return [profile]


if __name__ == "__main__":
    main()
