"""A root as the rules see it: its plan, and the backend its source and its backend configuration ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

BACKEND = re.compile(r'^\s*backend\s+"(\w+)"\s*\{(.*?)^\s*\}', re.MULTILINE | re.DOTALL)
ONE_LINE = re.compile(r'^\s*backend\s+"(\w+)"\s*\{([^\n]*)\}\s*$', re.MULTILINE)
SETTING = re.compile(r'^\s*(\w+)\s*=\s*"?([^"\n#]*?)"?\s*$', re.MULTILINE)
ADDRESS = re.compile(r"(?:data\.)?\w+\.\w+(?:\[[^]]*\])?")
ENVIRONMENTS = {
    "dev": "dev",
    "development": "dev",
    "stage": "staging",
    "staging": "staging",
    "prod": "prod",
    "production": "prod",
}


@dataclass(frozen=True)
class Resource:
    """One resource of the plan. `after` is what it will be as far as that is known; `later` is what is not."""

    address: str
    type: str
    module: str
    after: dict[str, Any]
    later: dict[str, Any]

    def has(self, name: str) -> bool:
        """True if the argument has, or will have, a value."""
        return self.after.get(name) not in (None, "", [], {}) or bool(self.later.get(name))

    @property
    def environment(self) -> str:
        """Which environment it is part of: as its tags say, else as its names do; empty if nothing says it."""
        tags = self.after.get("tags_all") or self.after.get("tags") or {}
        said = tags.get("Environment", "") if isinstance(tags, dict) else ""
        names = (str(self.after.get(key, "")) for key in ("identifier", "name", "bucket"))
        return ENVIRONMENTS.get(said) or environment_in(self.address, *names)


@dataclass(frozen=True)
class Root:
    """A root and its plan."""

    plan: dict[str, Any]
    backend: str = ""
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, plan: dict[str, Any], backend_config: Path | None = None) -> "Root":
        kind, settings = backend_of("\n".join(path.read_text() for path in sorted(folder.glob("*.tf"))))
        given = SETTING.findall(backend_config.read_text()) if backend_config else []
        return cls(plan, kind, {**settings, **dict(given)})

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        listed = (one for one in self.plan.get("resource_changes", ()) if one["mode"] == "managed")
        return tuple(
            Resource(
                one["address"],
                one["type"],
                one.get("module_address", ""),
                one["change"].get("after") or {},
                one["change"].get("after_unknown") or {},
            )
            for one in listed
            if one["change"]["actions"] != ["delete"]
        )

    def of(self, *types: str) -> Iterator[Resource]:
        return (one for one in self.resources if one.type in types)

    @property
    def configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = self.plan.get("configuration", {})
        return found

    def meant(self, one: Resource, argument: str) -> str:
        """Return the address an argument of a resource refers to in the source: AWS' own value comes after the plan.

        Where `each` or `count` chooses among several, the instance's own address goes before it: each may be another.
        """
        path = ".".join(re.findall(r"module\.(\w+)", one.module))
        own = one.address.removeprefix(f"{one.module}.")
        written = self._by_name.get((path, re.sub(r"\[[^]]*\]$", "", own)), {})
        found = references(written.get("expressions", {}).get(argument, {}))
        named = [name for name in found if name.split(".")[0] not in ("each", "count")]
        longest = ADDRESS.match(max(named, key=len, default=""))
        target = ".".join(filter(None, (one.module, longest[0] if longest else own)))
        return target if len(named) == len(found) else f"{one.address} {target}"

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {(module, f"{one['type']}.{one['name']}"): one for module, one in self.written()}

    def written(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every resource as the source has it, with its module's path."""
        yield from _written("", self.configuration.get("root_module", {}))


def backend_of(source: str) -> tuple[str, dict[str, str]]:
    """Return the kind of the backend a root's source asks for, `local` if none, and its settings."""
    found = ONE_LINE.search(source) or BACKEND.search(source)
    return (found[1], dict(SETTING.findall(found[2]))) if found else ("local", {})


def environment_in(*names: str) -> str:
    """Return the environment that one of the names speaks of."""
    words = (word for name in names for word in re.split(r"[^a-z]+", name.lower()))
    return next((ENVIRONMENTS[word] for word in words if word in ENVIRONMENTS), "")


def references(expressions: Any) -> set[str]:
    """Return every address the expressions of a resource refer to."""
    if isinstance(expressions, dict):
        own = set(expressions.get("references", ()))
        return own.union(*(references(value) for key, value in expressions.items() if key != "references"))
    return set().union(*map(references, expressions)) if isinstance(expressions, list) else set()


def _written(path: str, module: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in module.get("resources", ()):
        yield path, one
    for name, call in module.get("module_calls", {}).items():
        yield from _written(f"{path}.{name}".strip("."), call.get("module", {}))


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
