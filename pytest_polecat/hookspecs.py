"""The hooks that third parties implement, in a plugin or a conftest.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_polecat.asking.launch.base import Launcher
    from pytest_polecat.grading.checks import Check
    from pytest_polecat.reporting.columns import Column


def pytest_polecat_profiles(config: pytest.Config) -> Mapping[str, Mapping[str, Any]]:  # type: ignore[empty-body]
    """Return profiles that come with a package: name -> table, with the keys of `[profiles.NAME]` in polecat.toml.

    A profile of the same name in polecat.toml wins.
    """


def pytest_polecat_launchers(config: pytest.Config) -> Iterable[Launcher]:  # type: ignore[empty-body]
    """Return further ways to start a model server; a profile names one by `launcher = "NAME"`."""


def pytest_polecat_checks(config: pytest.Config) -> Iterable[Check]:  # type: ignore[empty-body]
    """Return further kinds of checks; suite files use them by their name as they use polecat's own."""


def pytest_polecat_record(record: dict[str, Any], item: pytest.Item) -> None:
    """Called with the record of an attempt before it is reported; it may add to `record["extra"]`.

    The record is a dict of JSON values (the fields of `Attempt`), and nothing else that is changed in it counts. An
    attempt whose hook fails is broken. It is called in the process that ran the item.
    """


def pytest_polecat_report_columns(config: pytest.Config) -> Iterable[Column]:  # type: ignore[empty-body]
    """Return further columns for the table of questions in the HTML page."""
