"""YAML as a stricter JSON: plain values only, with the line of every field, and no way to surprise the reader.

Refused: duplicate keys, anchors and aliases, tags, several documents, nesting beyond 64 levels. Words like ``no``, dates, and
numbers with leading zeros stay text, as they were written: only ``true``, ``false``, ``null`` and JSON's numbers are more.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness_core.domain.errors import Problem
from harness_core.domain.suggestions import shown

MAX_DEPTH = 64
MAX_INTEGER_DIGITS = 400
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the parser in C is ten times faster, where it was built


@dataclass(frozen=True)
class YamlDocument:
    """The value, and for each field (as ``limits.timeout_s`` or ``depends_on[0]``) the line it stands on, counted from 1."""

    value: Any
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, name: str) -> int | None:
        """The line of a field, or of the nearest part above it that is there."""
        while name and name not in self.lines:
            name = re.sub(r"(\[[^\]]*\]|(^|\.)[^.\[]*)\Z", "", name)
        return self.lines.get(name)


def read_yaml(text: str, where: str) -> tuple[YamlDocument | None, list[Problem]]:
    """The document in ``text``, or everything that stands against reading it."""
    try:
        builder = _Builder()
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
    except _RefusedError as refused:
        return None, [Problem(f"{where}:{refused.line}", refused.field, refused.reason, refused.remedy)]
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        what = " ".join(part for part in (reason.context, reason.problem) if part)
        return None, [Problem(place, "", f"this is no YAML: {what}", "check the indentation, colons and quotes of this line")]
    except (yaml.YAMLError, ValueError) as reason:
        return None, [Problem(where, "", f"this is no YAML: {shown(str(reason), 200)}", "save the file as plain UTF-8 text")]
    return YamlDocument(builder.value, builder.lines), []


class _RefusedError(Exception):
    def __init__(self, line: int, name: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.line, self.field, self.reason, self.remedy = line, name, reason, remedy


@dataclass
class _Open:
    """A mapping or list that is being read: where it stands, and the key whose value comes next."""

    value: dict[str, Any] | list[Any]
    name: str
    key: str | None = None


class _Builder:
    """Puts events together into values. Event by event rather than by composing nodes: depth is bounded before it costs a stack."""

    def __init__(self) -> None:
        self.value: Any = None
        self.lines: dict[str, int] = {}
        self._open: list[_Open] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            self._refuse_if(self._documents > 1, line, "a second document begins here", "keep one document per file")
        elif isinstance(event, yaml.AliasEvent):
            self._refuse_if(True, line, f"the alias *{event.anchor} is not read here", "write the value out")
        elif isinstance(event, yaml.ScalarEvent):
            self._check(event, line)
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._check(event, line)
            self._begin({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._open.pop()

    def _refuse_if(self, wrong: bool, line: int, reason: str, remedy: str) -> None:
        if wrong:
            raise _RefusedError(line, self._next_name(), reason, remedy)

    def _check(self, event: Any, line: int) -> None:
        self._refuse_if(event.anchor is not None, line, f"the anchor &{event.anchor} is not read here", "write the value out")
        self._refuse_if(event.tag is not None, line, f"the tag {shown(event.tag)} is not read here", "write the plain value")

    def _scalar(self, event: Any, line: int) -> None:
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            name = _joined(top.name, event.value)
            if event.value in top.value:
                raise _RefusedError(
                    line, name, f"the key {shown(event.value)} stands twice", f"it is on line {self.lines[name]} already"
                )
            top.key = event.value
            return
        self._place(_plain(event.value) if event.implicit[0] else event.value, line)

    def _begin(self, made: dict[str, Any] | list[Any], line: int) -> None:
        self._refuse_if(len(self._open) >= MAX_DEPTH, line, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        top = self._open[-1] if self._open else None
        if top and isinstance(top.value, dict) and top.key is None:
            raise _RefusedError(line, top.name, "a key must be a plain text", "write it on one line, in quotes")
        name = self._place(made, line)
        self._open.append(_Open(made, name))

    def _place(self, value: Any, line: int) -> str:
        name = self._next_name()
        self.lines[name] = line
        if not self._open:
            self.value = value
            return name
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            top.value[str(top.key)] = value
            top.key = None
        return name

    def _next_name(self) -> str:
        if not self._open:
            return ""
        top = self._open[-1]
        return f"{top.name}[{len(top.value)}]" if isinstance(top.value, list) else _joined(top.name, top.key or "")


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name and key else name or key


def _plain(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if not NUMBER.match(text) or len(text) > MAX_INTEGER_DIGITS:
        return text
    value = json.loads(text)
    return value if math.isfinite(value) else text
