"""The checks that there are in a session: polecat's own and those that third parties bring."""

import pytest

from pytest_polecat.grading.checks import BUILTIN
from pytest_polecat.grading.grader import Grader

_GRADER = pytest.StashKey[Grader]()


def grader(config: pytest.Config) -> Grader:
    """The session's grader; made when the first suite is collected."""
    if _GRADER not in config.stash:
        checks = dict(BUILTIN)
        for brought in config.hook.pytest_polecat_checks(config=config):
            checks.update({check.name: check for check in brought})
        config.stash[_GRADER] = Grader(checks)
    return config.stash[_GRADER]
