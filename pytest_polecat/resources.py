"""Where the files that come with polecat are: in the wheel, or in the checkout that is run from."""

from pathlib import Path

from pytest_polecat.errors import PolecatError

_PACKAGE = Path(__file__).parent


def bundled(name: str) -> Path:
    """The bundled file or folder of this name, such as `suites`, `fixtures` or `fixtures/demo/replies.yaml`.

    A wheel carries it inside the package; in a checkout it stands beside the package.
    """
    for base in (_PACKAGE / "_bundled", _PACKAGE.parent):
        path = base / name
        if path.exists():
            return path
    raise PolecatError(f"the bundled {name!r} is missing from this installation of pytest-polecat; install it again")
