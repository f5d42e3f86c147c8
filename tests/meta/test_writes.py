"""Nobody writes another app's models, and governed ones are written one by one, so that history and rules see it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.meta.source import APPS, ROOT, functions, modules, root_name, tree, where

IN_BULK = {"update", "bulk_create", "bulk_update", "delete"}
WRITES = IN_BULK | {"create", "get_or_create", "update_or_create", "acreate", "aupdate", "adelete"}

# Writes to governed models past save(): "module::function": why history and transitions lose nothing by it.
ALLOWED: dict[str, str] = {
    "compliance/defaults.py::_provider_regions": "first installation: these rows have no past",
}


def app_of(dotted: str) -> str:
    """`portal.access.models` is of portal.access, `tenants.models` of tenants: portal's parts are apps of their own."""
    parts = dotted.split(".")
    return ".".join(parts[:2]) if parts[0] == "portal" else parts[0]


def own_app(path: Path) -> str:
    return app_of(".".join(path.relative_to(ROOT).with_suffix("").parts))


def imported_models(path: Path) -> dict[str, str]:
    """Names this module imports from some app's models, with that app."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            dotted = ".".join([*base, *(node.module.split(".") if node.module else [])])
            if dotted.split(".")[0] in APPS and "models" in dotted.split("."):
                found |= {alias.asname or alias.name: app_of(dotted) for alias in node.names}
    return found


def governed() -> set[str]:
    """Models with a readable history."""
    found = set()
    for path in modules(*APPS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and any(_is_history(statement) for statement in node.body):
                found.add(node.name)
    return found


def _is_history(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Call)
        and root_name(statement.value)[0] == "HistoricalRecords"
    )


def writes(node: ast.AST) -> Iterator[tuple[str, str, int]]:
    """Model, verb and line of every `Model.objects…verb()` below the node."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            name, chain = root_name(call.func)
            if chain[:1] == ["objects"] and chain[-1] in WRITES and call.func.attr == chain[-1]:
                yield name, chain[-1], call.lineno


def test_no_app_writes_the_models_of_another() -> None:
    found = []
    for path in modules(*APPS):
        foreign = {name: app for name, app in imported_models(path).items() if app != own_app(path)}
        for name, verb, line in writes(tree(path)):
            if name in foreign:
                found.append(f"{where(path, line)}: {name}.objects…{verb}( writes a model of {foreign[name]}")
    assert not found, "go through that app's actions:\n" + "\n".join(found)


def test_governed_models_are_not_written_in_bulk() -> None:
    models, found, used = governed(), [], set()
    for path in modules(*APPS):
        for function, node in functions(path):
            for name, verb, line in writes(node):
                if name in models and verb in IN_BULK:
                    place = f"{path.relative_to(ROOT)}::{function}"
                    used.add(place)
                    if place not in ALLOWED:
                        found.append(f"{where(path, line)}: {name}.objects…{verb}( in {function}")
    assert not found, "history does not see this; save one by one or say why in ALLOWED:\n" + "\n".join(found)
    assert set(ALLOWED) <= used, f"no longer needed: {sorted(set(ALLOWED) - used)}"


def test_the_scan_sees_what_it_should() -> None:
    assert {"Tenant", "TenantRequest"} <= governed()
    sample = ast.parse("Tenant.objects.filter(a=1).update(b=2)\nTenant.objects.create()\nd.update(x)")
    assert [(name, verb) for name, verb, _ in writes(sample)] == [("Tenant", "update"), ("Tenant", "create")]
