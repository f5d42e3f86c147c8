"""Renders the part of Helm's template language that the chart uses. It is not Helm, and stricter: what it does not
know, or a value that is not there, is an error.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)
TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|:=|[()|,=]|\$?[A-Za-z_][\w]*(?:\.\w+)*|\$(?:\.\w+)*|(?:\.\w+)+|\.|-?\d+)')
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OPENS = ("if", "range", "with", "define")


class Unknown(Exception):
    """Not of the language that is understood here."""


@dataclass
class Node:
    """A piece of text, an action, or a block with its branches: (condition, body) each; of an `else` without one."""

    kind: str
    text: str = ""
    branches: list[tuple[str, list["Node"]]] = field(default_factory=list)


def pieces(source: str) -> Iterator[Node]:
    """Text and actions in turn, white space trimmed as the dashes say."""
    at, trim = 0, False
    for found in ACTION.finditer(source):
        before = source[at : found.start()]
        before = before.lstrip() if trim else before
        yield Node("text", before.rstrip() if found[1] else before)
        if not found[2].startswith("/*"):
            yield Node("action", found[2].strip())
        at, trim = found.end(), bool(found[3])
    yield Node("text", source[at:].lstrip() if trim else source[at:])


def parse(nodes: Iterator[Node]) -> tuple[list[Node], str]:
    """The nodes up to the word that ends them, and that word."""
    body: list[Node] = []
    for node in nodes:
        word = node.text.split(" ", 1)[0] if node.kind == "action" else ""
        if word in ("end", "else"):
            return body, node.text
        body.append(_block(node, word, nodes) if word in OPENS else node)
    return body, ""


def _block(opening: Node, word: str, nodes: Iterator[Node]) -> Node:
    block, condition = Node(word), opening.text.removeprefix(word).strip()
    while True:
        body, closed = parse(nodes)
        block.branches.append((condition, body))
        if closed == "end":
            return block
        if not closed:
            raise Unknown(f"no end of {opening.text}")
        condition = closed.removeprefix("else").strip().removeprefix("if").strip()


class Chart:
    """Templates of a chart, and what one set of values makes of them."""

    def __init__(self, root: Path) -> None:
        self.about = yaml.safe_load((root / "Chart.yaml").read_text())
        self.defines: dict[str, list[Node]] = {}
        self.files = {path.name: self._read(path) for path in sorted((root / "templates").iterdir())}

    def _read(self, path: Path) -> list[Node]:
        body, left = parse(pieces(path.read_text()))
        if left:
            raise Unknown(f"{path.name}: {left}")
        for node in [one for one in body if one.kind == "define"]:
            self.defines[json.loads(node.branches[0][0])] = node.branches[0][1]
        return [node for node in body if node.kind != "define"]

    def render(self, values: dict[str, Any], release: str = "bw") -> list[dict[str, Any]]:
        """Every manifest, in the order of the files."""
        said = {"Name": release, "Namespace": "governance", "Service": "Helm"}
        root = {"Values": values, "Release": said, "Chart": {"AppVersion": self.about["appVersion"]}}
        found = []
        for name, body in self.files.items():
            if name.endswith(".yaml"):
                found += [one for one in yaml.load_all(self._text(body, root, {"$": root}), Loader=LOADER) if one]
        return found

    def _text(self, body: list[Node], dot: Any, scope: dict[str, Any]) -> str:
        return "".join(self._node(node, dot, scope) for node in body)

    def _node(self, node: Node, dot: Any, scope: dict[str, Any]) -> str:
        if node.kind == "text":
            return node.text
        if node.kind == "action":
            return self._action(node.text, dot, scope)
        if node.kind == "range":
            return self._range(*node.branches[0], dot, scope)
        for condition, body in node.branches:
            value = self._value(condition, dot, scope) if condition else True
            if value:
                return self._text(body, value if node.kind == "with" else dot, dict(scope))
        return ""

    def _action(self, text: str, dot: Any, scope: dict[str, Any]) -> str:
        assigned = re.match(r"(\$\w+)\s*:?=\s*(.*)", text, re.DOTALL)
        if assigned:
            self._assign(scope, assigned[1], self._value(assigned[2], dot, scope), new=":=" in text[:40])
            return ""
        return shown(self._value(text, dot, scope))

    @staticmethod
    def _assign(scope: dict[str, Any], name: str, value: Any, *, new: bool) -> None:
        if not new and name not in scope:
            raise Unknown(f"{name} is not declared")
        cell = scope[name] if not new else None
        if cell is None:
            scope[name] = [value]
        else:
            cell[0] = value  # as in Go: an outer block's variable is changed for everybody

    def _range(self, condition: str, body: list[Node], dot: Any, scope: dict[str, Any]) -> str:
        names, _, over = condition.rpartition(":=")
        wanted = [name.strip() for name in names.split(",")] if names else []
        over_what = self._value(over.strip(), dot, scope)
        rows = sorted(over_what.items()) if isinstance(over_what, dict) else list(enumerate(over_what))
        done = ""
        for key, value in rows:
            own = [[key], [value]] if len(wanted) == 2 else [[value]]
            done += self._text(body, value, {**scope, **dict(zip(wanted, own, strict=False))})
        return done

    def _value(self, text: str, dot: Any, scope: dict[str, Any]) -> Any:
        tokens = TOKEN.findall(text)
        if "".join(tokens) != re.sub(r"\s+(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", "", text):
            raise Unknown(text)
        value, rest = self._pipeline(tokens, dot, scope)
        if rest:
            raise Unknown(text)
        return value

    def _pipeline(self, tokens: list[str], dot: Any, scope: dict[str, Any]) -> tuple[Any, list[str]]:
        piped: list[Any] = []
        while True:
            operands: list[Any] = []
            while tokens and tokens[0] not in ("|", ")"):
                if tokens[0] == "(":
                    value, tokens = self._pipeline(tokens[1:], dot, scope)
                    tokens = tokens[1:]  # the closing one
                else:
                    value, tokens = self._operand(tokens[0], dot, scope), tokens[1:]
                operands.append(value)
            head, *arguments = operands
            result = head(*arguments, *piped) if callable(head) else head
            if not callable(head) and (arguments or piped):
                raise Unknown(f"{head!r} is no function")
            if not tokens or tokens[0] == ")":
                return result, tokens
            piped, tokens = [result], tokens[1:]

    def _operand(self, token: str, dot: Any, scope: dict[str, Any]) -> Any:
        if token[0] == '"':
            return json.loads(token)
        if re.fullmatch(r"-?\d+", token):
            return int(token)
        if token[0] == ".":
            return reach(dot, token[1:])
        if token[0] == "$":
            name, _, path = token.partition(".")
            held = scope[name]
            return reach(held if name == "$" else held[0], path)
        if token in ("true", "false"):
            return token == "true"
        return self._function(token)

    def _function(self, name: str) -> Callable[..., Any]:
        own = {"include": lambda which, data: self._text(self.defines[which], data, {"$": data})}
        try:
            return {**FUNCTIONS, **own}[name]
        except KeyError:
            raise Unknown(name) from None


def reach(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value[name]
    return value


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def to_yaml(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=False, sort_keys=True).removesuffix("\n").removesuffix("\n...")


def nindent(width: int, text: str) -> str:
    return "\n" + "\n".join(" " * width + line if line else line for line in text.splitlines())


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *given: next((one for one in given if not one), given[-1]),
    "dict": lambda *given: dict(zip(given[::2], given[1::2], strict=True)),
    "eq": lambda one, other: one == other,
    "join": lambda between, given: between.join(given),
    "list": lambda *given: list(given),
    "ne": lambda one, other: one != other,
    "nindent": nindent,
    "not": lambda one: not one,
    "or": lambda *given: next((one for one in given if one), given[-1]),
    "printf": lambda pattern, *given: pattern % given,
    "quote": lambda one: json.dumps(shown(one)),
    "toString": shown,
    "toYaml": to_yaml,
}
