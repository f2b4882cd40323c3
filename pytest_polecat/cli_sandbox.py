"""`polecat sandbox`: the containers that a model's code runs in."""

import time
from contextlib import closing
from typing import Annotated

import typer

from pytest_polecat.asking.tables import shown
from pytest_polecat.sandbox.daemon import connect, find_image, sweep, version_of
from pytest_polecat.sandbox.engine import Engine
from pytest_polecat.sandbox.errors import CandidateError, SandboxError
from pytest_polecat.sandbox.host_image import make_host_image
from pytest_polecat.sandbox.image import build_image, default_image
from pytest_polecat.sandbox.sandbox import Sandbox
from pytest_polecat.sandbox.supervised import Supervised

sandbox_app = typer.Typer(help="The sandbox that a model's code runs in.", no_args_is_help=True, rich_markup_mode=None)

_SOURCE = "def add(a, b):\n    return a + b\n"


@sandbox_app.command("build")
def build_sandbox(
    from_host: Annotated[
        bool, typer.Option("--from-host", help="Make it of this machine's own Python; no registry is needed")
    ] = False,
) -> None:
    """Make the image that code runs in, unless Docker has it."""
    with closing(connect()) as client:
        if from_host:
            name = make_host_image(client)
            typer.echo(f"{name} is there; use it with: pytest --polecat-sandbox-image={name}")
            return
        name = default_image()
        if find_image(client, name) is None:
            typer.echo(f"making {name}")
            build_image(client)
        typer.echo(f"{name} is there, and is used by default")


@sandbox_app.command("check")
def check_sandbox(
    image: Annotated[
        str | None, typer.Option(metavar="IMAGE", help="The image to try (default: the one that build makes)")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(metavar="NAME", help="The container runtime to try (default: Docker's)")
    ] = None,
) -> None:
    """Try the sandbox step by step, a line for each. Exit status 1 at the first that fails."""
    try:
        with closing(connect()) as client:
            typer.echo(f"engine: {version_of(client)}")
        with closing(Engine(image or default_image(), runtime=runtime)) as engine:
            typer.echo(f"image: {engine.image}, {engine.about.image}")
            _try(engine)
    except (SandboxError, CandidateError) as error:
        typer.echo(f"failed: {shown(error, limit=2000)}")
        raise typer.Exit(1) from None


@sandbox_app.command("prune")
def prune_sandboxes() -> None:
    """Remove the sandboxes that dead runs left on this machine. Those of live runs stay."""
    with closing(connect()) as client:
        count = sweep(client)
    typer.echo(f"removed {count} sandbox{'' if count == 1 else 'es'} of dead runs")


def _try(engine: Engine) -> None:
    begin = time.monotonic()
    container = engine.container()
    seconds = time.monotonic() - begin
    typer.echo(f"sandbox: Python {container.python}, runtime {engine.about.runtime}, ready in {seconds:.2f} s")
    sandbox = Sandbox(lambda: container, Supervised.remove)
    try:
        begin = time.monotonic()
        answer = sandbox.load(_SOURCE).add(2, 3)
        seconds = time.monotonic() - begin
    finally:
        sandbox.close()
    if answer != 5:
        raise SandboxError(f"code in the sandbox got {answer!r} for 2 + 3")
    typer.echo(f"call: loaded and answered in {seconds:.3f} s")
