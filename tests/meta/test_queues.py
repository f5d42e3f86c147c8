"""Work is started through jobs and the outbox, never straight into the broker."""

import ast

from tests.meta.source import ROOT, modules, tree, where

STARTERS = {"delay", "apply_async", "send_task"}


def test_only_jobs_speak_to_the_broker() -> None:
    found = []
    for path in modules("portal", "tenants", "compliance", "lifecycle", "ragplatform", "demo", "terraform"):
        if path.is_relative_to(ROOT / "portal" / "jobs"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STARTERS:
                found.append(f"{where(path, node.lineno)}: .{node.func.attr}(")
    assert not found, "use portal.jobs.start_job or portal.jobs.outbox.emit:\n" + "\n".join(found)


def test_tasks_are_defined_in_jobs_only() -> None:
    found = []
    for path in modules("portal", "tenants", "compliance", "lifecycle"):
        if path.is_relative_to(ROOT / "portal" / "jobs"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                names = [ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list]
                found += [where(path, node.lineno) for name in names if name in ("shared_task", "app.task")]
    assert not found, found
