"""The checks: small pure functions `(reply, expectation) -> CheckResult`, each with a model of its expectation.

`BUILTIN` holds polecat's own; third parties add theirs through the hook `pytest_polecat_checks`.
"""

from pytest_polecat.grading.checks.base import Check, CheckResult, Expectation
from pytest_polecat.grading.checks.builtin import BUILTIN

__all__ = ["BUILTIN", "Check", "CheckResult", "Expectation"]
