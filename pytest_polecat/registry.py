"""The checks that there are in a session: polecat's own and those that third parties bring."""

from collections import ChainMap
from typing import cast

import pytest

from pytest_polecat.errors import PolecatError, SuiteError
from pytest_polecat.grading.checks import BUILTIN, Check
from pytest_polecat.grading.grader import Grader
from pytest_polecat.third_party import blamed

_GRADER = pytest.StashKey[Grader]()


def grader(config: pytest.Config) -> Grader:
    """The session's grader; made when the first suite is collected."""
    if _GRADER not in config.stash:
        try:
            brought = _brought(config)
        except PolecatError as error:
            raise SuiteError(str(error)) from None
        config.stash[_GRADER] = Grader(ChainMap(brought, cast("dict[str, Check]", BUILTIN)) if brought else BUILTIN)
    return config.stash[_GRADER]


def _brought(config: pytest.Config) -> dict[str, Check]:
    with blamed("the hook pytest_polecat_checks"):
        lists = config.hook.pytest_polecat_checks(config=config)
        return {check.name: check for checks in reversed(lists) for check in checks}
