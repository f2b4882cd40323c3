"""`polecat profiles`: the models that can be asked."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_polecat.asking.inspection import inspect, room
from pytest_polecat.asking.inspection_text import inspection_lines, memory_lines, memory_problems
from pytest_polecat.asking.launch import Launchers, builtin_launchers
from pytest_polecat.asking.launch.binary.launcher import PORT, BinaryLauncher
from pytest_polecat.asking.launch.binary.launcher import shown as words_shown
from pytest_polecat.asking.presets.importing import import_profiles
from pytest_polecat.asking.presets.ini_export import export_ini
from pytest_polecat.asking.profile_text import asked_model, effective
from pytest_polecat.asking.profiles import ProfileBook, find_config, load
from pytest_polecat.asking.tables import dotted, shown
from pytest_polecat.errors import PolecatError
from pytest_polecat.records.profile import Profile

profiles_app = typer.Typer(help="The models that can be asked.", no_args_is_help=True, rich_markup_mode=None)

_LlamaServer = Annotated[
    str | None,
    typer.Option("--llama-server", metavar="FILE", help="The llama-server program (default: as pytest finds it)"),
]
_UNBOUNDED = 100_000
"""Columns of a table that goes into a pipe: no row is folded or cut."""


@profiles_app.command("list")
def list_profiles(context: typer.Context) -> None:
    """List every profile, and the file that it comes from."""
    book = _book(context)
    table = Table("name", "launcher", "model", "description", "from", box=None, pad_edge=False)
    for name, profile in book.profiles.items():
        cells = (name, profile.launcher_name, asked_model(profile), profile.description, _source(book, name))
        table.add_row(*(Text(shown(cell)) for cell in cells))
    _print_table(table)


@profiles_app.command("show")
def show_profile(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The profile's name")],
    llama_server: _LlamaServer = None,
) -> None:
    """Show every key of a profile that has a value, in TOML, where it comes from, and the command line that it becomes.

    Secrets are hidden.
    """
    book = _book(context)
    profile = book.get(name)
    typer.echo(f"# {_source(book, name)}")
    typer.echo(f"# models_dir: {shown(book.models_dir or 'not set')}")
    typer.echo(f"[{dotted(('profiles', name))}]")
    for line in effective(profile, book.origins.get(name, {})):
        typer.echo(line)
    for line in _command_lines(profile, book, llama_server):
        typer.echo(line)


@profiles_app.command("check")
def check_profiles(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The profiles' names")],
    llama_server: _LlamaServer = None,
) -> None:
    """Look at weights, flags, drafts and memory without loading anything. Exit status 1 if something is wrong."""
    book = _book(context)
    profiles = [book.get(name) for name in dict.fromkeys(names)]
    inspections = [inspect(profile, _launchers(llama_server), book.models_dir) for profile in profiles]
    for inspection, profile in zip(inspections, profiles, strict=True):
        for line in inspection_lines(inspection, profile):
            typer.echo(shown(line, limit=4096))
    now = room(inspections)
    for line in memory_lines(inspections, now):
        typer.echo(line)
    problems = list(memory_problems(inspections, now))
    for problem in problems:
        typer.echo(f"problem    {problem}")
    if problems or any(inspection.problems for inspection in inspections):
        raise typer.Exit(1)


@profiles_app.command("import")
def import_from(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="llama-swap's config.yaml or llama-server's presets")],
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Ask the models through the llama-swap or router that listens there"),
    ] = None,
) -> None:
    """Print the models of another program's file as profiles for a polecat.toml."""
    imported = import_profiles(file, url)
    typer.echo(imported.text.rstrip("\n"))
    _tell(imported.notes)


@profiles_app.command("export")
def export_presets(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The profiles' names")],
    ini: Annotated[bool, typer.Option("--ini", help="As presets of llama-server (--models-preset)")] = False,
) -> None:
    """Print profiles of local weights in the format of another program."""
    if not ini:
        raise PolecatError("name the format to export to: --ini")
    book = _book(context)
    text, notes = export_ini([book.get(name) for name in dict.fromkeys(names)], book.models_dir)
    typer.echo(text.rstrip("\n"))
    _tell(notes)


def _book(context: typer.Context) -> ProfileBook:
    from pytest_polecat.demo.profiles import PROFILES

    return load(context.obj or find_config(Path.cwd()), builtin=PROFILES)


def _tell(notes: tuple[str, ...]) -> None:
    for note in notes:
        print(f"polecat: {shown(note, limit=2000)}", file=sys.stderr)  # noqa: T201


def _launchers(llama_server: str | None) -> Launchers:
    from pytest_polecat.demo.launcher import DemoLauncher

    known = builtin_launchers(llama_server)
    known.add("demo", DemoLauncher)
    return known


def _command_lines(profile: Profile, book: ProfileBook, llama_server: str | None) -> Iterator[str]:
    """The exact command line of a profile that the user's own server is started for, or why there is none."""
    launcher = _launchers(llama_server).get(profile.launcher_name)
    if not isinstance(launcher, BinaryLauncher):
        return
    try:
        line = launcher.command_line(profile, book.models_dir)
    except PolecatError as error:
        yield f"# no command line: {shown(error, limit=2000)}"
        return
    yield f"# command line for build {line.build.name}, with the port that is free then:"
    yield f"#   {shown(shlex.join(words_shown(line.argv(profile, PORT))), limit=100_000)}"
    for note in line.notes:
        yield f"# {shown(note)}"


def _source(book: ProfileBook, name: str) -> str:
    return "built-in" if name in book.builtin else shown(book.file)


def _print_table(table: Table) -> None:
    """On a terminal as it fits; in a pipe one line a row, aligned and plain."""
    if sys.stdout.isatty():
        Console().print(table)
        return
    plain = Console(width=_UNBOUNDED, color_system=None)
    with plain.capture() as capture:
        plain.print(table)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))
