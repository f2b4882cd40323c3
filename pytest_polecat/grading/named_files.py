"""Reading files out of a reply: fenced blocks and listings, and the paths that belong to them."""

import re
from collections.abc import Iterator

from pytest_polecat.errors import Missed
from pytest_polecat.grading.checks.text import quote
from pytest_polecat.grading.fences import Fence, fences

_LONGEST_LINE = 300

_NAME = r"[\w+@$\[-][\w.+@$\[\]-]*"
_SAFE = re.compile(
    rf"(?:\./)?(?:(?:\.?{_NAME}|\([\w-]+\))/)*(?:{_NAME}\.[A-Za-z][A-Za-z0-9]{{0,9}}|\.[a-z][\w.-]*"
    r"|Makefile|Dockerfile|LICENSE|README|Procfile|Gemfile|Rakefile|Pipfile|Jenkinsfile|Justfile)"
)
_FILE = re.compile(r".*\.[A-Za-z][A-Za-z0-9]{0,9}", re.DOTALL)
_LEADING_ELSEWHERE = re.compile(r"[\\/~]|\.\.[\\/]|[A-Za-z]:[\\/]")

_INFO_KEY = re.compile(r"(?:title|file|filename|path|name)\s*[=:]\s*(?:\"([^\"]+)\"|'([^']+)'|([^\"'\s}]+))")
_TOKEN = r"(?P<path>(?:[A-Za-z]:(?=[\\/]))?[^\s`*\"'<>|:]++)"  # noqa: S105 - a piece of a pattern
_LABEL = r"(?:(?:file|path)(?:\s?name|\s?path)?(?:\s+\d{1,3})?\s*:?\s++)?+"
_DECOR = r"[^\w./\\~@$\[(]{0,12}+"
_NOTE = r"[*_`\"'\s]{0,6}+(?:\([^()]{0,80}\)|[-–—:]\s.*)?[:*_`\s]{0,6}"
_LEAD = re.compile(rf"{_DECOR}(?:\d{{1,3}}[.)]\s++)?+{_DECOR}{_LABEL}{_DECOR}{_TOKEN}{_NOTE}", re.IGNORECASE)
_SENTENCE = re.compile(
    r"(?:[-*+]\s+|\d{1,3}[.)]\s+)?(?:[\w'’,]{1,20}\s+){1,6}(?:\*\*`?|`)(?P<path>[^\s`*]+)(?:`?\*\*|`)"
    r"\s*(?:\([^()]{0,80}\)\s*)?:\s*"
)
_COMMENT = re.compile(
    r"\s*+(?://++|#++|--|;++|%++|/\*++|<!--|\"\"\"|''')\s*+(?:[-=*]{2,}+\s*+)?+"
    rf"{_LABEL}`?+{_TOKEN}`?\s*+(?:[-=*#]{{2,}}+(?!>)\s*+)?+(?:\*/|-->|\"\"\"|''')?\s*",
    re.IGNORECASE,
)
_DIVIDER = re.compile(
    rf"(?:={{2,}}+|-{{3,}}+|\*{{3,}}+|>{{2,}}+|<{{2,}}+)\s*+{_LABEL}`?+{_TOKEN}`?\s*+[-=*<>]*+\s*+", re.IGNORECASE
)
_SHELL = frozenset({"shell", "text", "plaintext", "output", "powershell", "cmd"})


def files(text: str) -> dict[str, str]:
    """The files of a reply: the path of each and its content.

    A file is a fenced block that a path belongs to. The path stands in the block's mark
    (```` ```python queue/core.py ````, `title="queue/core.py"`), else on the line before it (a heading, in bold, in
    backquotes, alone, or at the end of a short sentence: ``Now `queue/core.py`:``), else in a comment on its first
    line. A block whose first line is such a comment, or a divider (`=== queue/core.py ===`), may be a listing of
    several files: a new one begins with each such comment after a blank line, and with each divider. So may be the
    whole reply, if nothing in it is fenced.

    Paths are relative, with `/`. One that leads elsewhere is refused, and so are two different contents of one path.
    """
    found: dict[str, str] = {}
    for named, body in _named(text):
        path = named.removeprefix("./")
        if found.setdefault(path, body) != body:
            raise Missed(f"Two different files are named {path}.", "extraction_failed")
    if not found:
        raise Missed("Expected files as code blocks with their names, found none.", "extraction_failed")
    folders = {path[:index] for path in found for index, character in enumerate(path) if character == "/"}
    if both := sorted(folders & found.keys()):
        raise Missed(f"{both[0]} is named as a file and as a folder.", "extraction_failed")
    return found


def _named(text: str) -> Iterator[tuple[str, str]]:
    blocks = fences(text)
    for fence in blocks:
        path = _path_in_info(fence) or _path_before(fence)
        if path is not None:
            yield path, fence.body
        else:
            yield from _listed(fence.body)
    if not blocks:
        yield from _listed(text.replace("\r\n", "\n").strip("\n"))


def _path_in_info(fence: Fence) -> str | None:
    info = fence.info[:_LONGEST_LINE]
    if keyed := _INFO_KEY.search(info):
        return _checked(keyed[1] or keyed[2] or keyed[3], certain=True)
    for number, word in enumerate(re.split(r"(?<![A-Za-z]):|[\s{}]+|(?<=\w\w):", info)):
        if word.startswith(".") and "/" not in word and "\\" not in word:
            continue  # the class of a language, as in `{.python}`
        path = _checked(word, certain=number > 0 and _LEADING_ELSEWHERE.match(word) is not None)
        if path is not None:
            return path
    return None


def _path_before(fence: Fence) -> str | None:
    if len(fence.lead) > _LONGEST_LINE:
        return None
    if match := _LEAD.fullmatch(fence.lead):
        return _checked(match["path"])
    if (match := _SENTENCE.fullmatch(fence.lead)) and fence.language not in _SHELL:
        return _checked(match["path"])
    return None


def _listed(body: str) -> Iterator[tuple[str, str]]:
    """The files of a listing: none if its first line names none."""
    path: str | None = None
    content: list[str] = []
    blank = True
    for line in body.split("\n"):
        if path is None and not line.strip():
            continue
        divided = _path_on(_DIVIDER, line)
        begins = divided or (_path_on(_COMMENT, line) if blank else None)
        if begins is None and path is None:
            return
        if begins is not None:
            if path is not None:
                yield path, "\n".join(content).rstrip("\n")
            path, content = begins, []
        if divided is None:
            content.append(line)
        blank = not line.strip()
    if path is not None:
        yield path, "\n".join(content)


def _path_on(pattern: re.Pattern[str], line: str) -> str | None:
    match = pattern.fullmatch(line) if 0 < len(line) <= _LONGEST_LINE and not line[0].isspace() else None
    return _checked(match["path"]) if match else None


def _checked(word: str, *, certain: bool = False) -> str | None:
    """The word if it is a safe path, None if it is none at all. `certain`: it stands where only a path can stand."""
    if _SAFE.fullmatch(word):
        return word
    if certain or (_FILE.fullmatch(word) and not {"/", "\\", "\0"}.isdisjoint(word)):
        raise Missed(
            f"{quote(word)} is no path of a file here: paths are relative, with /, and do not lead upwards.",
            "extraction_failed",
        )
    return None
