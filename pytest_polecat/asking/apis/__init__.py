"""The kinds of API that a model can be asked through; a profile's `api` names one."""

from collections.abc import Mapping
from types import MappingProxyType

from pytest_polecat.asking.apis.anthropic import ANTHROPIC
from pytest_polecat.asking.apis.base import Dialect
from pytest_polecat.asking.apis.openai import OPENAI

DIALECTS: Mapping[str, Dialect] = MappingProxyType({"openai": OPENAI, "anthropic": ANTHROPIC})
"""By the values of `Profile.api`."""


def auth_headers(api: str, key: str | None) -> dict[str, str]:
    """The headers that show the key to an API of this kind, with what else it wants in every request.

    Raises `ProfileError` for a key that HTTP can't send.
    """
    return DIALECTS[api].auth_headers(key)
