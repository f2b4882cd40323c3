"""YAML 1.2 as llama-swap reads it, where `no`, `on` and `12:30` are texts, with the line of each key."""

import re
from typing import Any

import yaml

from pytest_polecat.asking.tables import Key, dotted, shown
from pytest_polecat.errors import ProfileError

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_MOST = 100_000
"""Values in a file: a handful of aliases of aliases can stand for more than fit into memory."""

_MERGE = "<<"
_DEEPEST = 4
"""How many parts of a key are told apart when its line is looked for."""


class Document:
    """The values of a YAML text: mappings with texts as keys, lists, texts, numbers, true, false and None."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._lines: dict[Key, int] = {}
        self._count = 0
        try:
            root = yaml.compose(text, Loader=_LOADER)
            self.value = None if root is None else self._value(root, ())
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from None
        except RecursionError:
            raise ProfileError(f"{file}: nested too deeply, or a value holds itself; write it flatter") from None

    def error(self, key: Key, problem: str) -> ProfileError:
        """The error of a key, in one line: place, dotted key, problem."""
        around = next((key[:length] for length in range(len(key), 0, -1) if key[:length] in self._lines), None)
        where = f"{self.file}:{self._lines[around]}" if around else self.file
        return ProfileError(f"{where}: {dotted(key) + ': ' if key else ''}{shown(problem, limit=1000)}")

    def _syntax_error(self, error: yaml.YAMLError) -> ProfileError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or (str(error).splitlines() or ["unreadable"])[0]
        mend = "correct the line; texts with special characters go into quotes"
        return ProfileError(f"{self.file}{where}: not valid YAML: {shown(problem)}; {mend}")

    def _value(self, node: yaml.Node, key: Key) -> Any:
        self._count += 1
        if self._count > _MOST:
            raise ProfileError(f"{self.file}: holds more than {_MOST:,} values; split it")
        if len(key) <= _DEEPEST:
            self._lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*key, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        own: dict[str, Any] = {}
        below: dict[str, Any] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                raise ProfileError(f"{self.file}:{line}: a key must be a plain word; write one")
            name = name_node.value
            if name == _MERGE and not _is_quoted(name_node):
                below = {**self._merged(value_node, key), **below}
                continue
            if name in own:
                raise self.error((*key, name), "stands here twice; drop one")
            if len(key) < _DEEPEST:
                self._lines[(*key, name)] = line
            own[name] = self._value(value_node, (*key, name))
        return {**below, **own}

    def _merged(self, node: yaml.Node, key: Key) -> dict[str, Any]:
        """What `<<` brings in: of several mappings the first one wins."""
        values = [self._value(each, key) for each in (node.value if isinstance(node, yaml.SequenceNode) else [node])]
        if not all(isinstance(value, dict) for value in values):
            raise self.error((*key, _MERGE), "must be a mapping, or a list of mappings; name one by its anchor: *NAME")
        merged: dict[str, Any] = {}
        for value in reversed(values):
            merged |= value
        return merged


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    if _is_quoted(node):
        return text
    if text in _PLAIN:
        return _PLAIN[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _is_quoted(node: yaml.Node) -> bool:
    return bool(getattr(node, "style", None))
