"""What may not be shown or recorded: keys and passwords in the words, variables and addresses of a profile."""

import re
from collections.abc import Sequence

HIDDEN = "***"

_SECRET = re.compile(
    r"-{0,2}([a-z0-9_-]*[_-])?(api[_-]?key|key|token|secret|pass(word|wd|phrase)?|pat|auth(orization)?|credentials?|hft)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]*@")
_IN_QUERY = re.compile(r"(?<=[?&])([^=&\s]*)=[^&\s]*")


def is_secret(name: str) -> bool:
    """Whether a value of this name is likely a key or a password."""
    return bool(_SECRET.fullmatch(name))


def safe_text(text: str) -> str:
    """A text without the user and password of addresses in it."""
    return _CREDENTIALS.sub(f"{HIDDEN}@", text)


def safe_url(url: str) -> str:
    """An address without credentials, and without the values of its query."""
    address, mark, query = url.partition("?")
    return safe_text(address) + (mark and _IN_QUERY.sub(rf"\1={HIDDEN}", f"?{query}"))


def safe_words(words: Sequence[str]) -> list[str]:
    """The words of a command line without the values of flags and variables that hold secrets."""
    safe = []
    after_secret = False
    for word in words:
        name, equals, _ = word.partition("=")
        secret = is_secret(name)
        safe.append(HIDDEN if after_secret else f"{name}={HIDDEN}" if secret and equals else safe_text(word))
        after_secret = secret and word.startswith("-") and not equals
    return safe
