"""YAML read with the line of every key, and with YAML's surprises refused.

YAML 1.1 turns plain words into other things: `no` into false, `12:30` into 750, `2026-01-01` into a date, and it leaves
`1e3` a text. Each is refused where it stands, with the mend, because a suite that silently means something else prints
wrong scores.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from pytest_polecat.errors import SuiteError
from pytest_polecat.questions.paths import Path_, dotted

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?")
_ALMOST_NUMBER = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+")


class Document:
    """The values of a YAML file and the line (from 1) that each stands on."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.lines: dict[Path_, int] = {}
        try:
            root = yaml.compose(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            raise self._syntax_error(error) from None
        except RecursionError:
            raise SuiteError(f"{file}: nested too deeply") from None
        if root is None:
            raise SuiteError(f"{file}: the file is empty; it needs `suite` and `questions`")
        self.value = self._value(root, ())

    def line(self, path: Path_) -> int:
        """The line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _syntax_error(self, error: yaml.YAMLError) -> SuiteError:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        return SuiteError(f"{self.file}{where}: not valid YAML: {problem}")

    def _value(self, node: yaml.Node, path: Path_) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.value == "<<":
                raise SuiteError(f"{self.file}:{line}: a key must be a plain word")
            key = key_node.value
            if key in result:
                raise SuiteError(f"{self.file}:{line}: {dotted((*path, key))}: the key stands here twice; drop one")
            self.lines[(*path, key)] = line
            result[key] = self._value(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node, path: Path_) -> Any:
        text: str = node.value
        if getattr(node, "style", None) or (node.tag == "tag:yaml.org,2002:str" and not _ALMOST_NUMBER.fullmatch(text)):
            return text
        if node.tag == "tag:yaml.org,2002:null":
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
        raise SuiteError(
            f"{self.file}:{node.start_mark.line + 1}: {dotted(path)}: YAML reads the bare {text!r} surprisingly; "
            f'write "{text}" in quotes if the text is meant, else a plain number, true or false'
        )
