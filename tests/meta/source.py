"""The project's own source files, and what is in them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "tenants", "compliance", "lifecycle")
OUTSIDE = {".git", ".venv", "var", "node_modules", "__pycache__", ".terraform"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project: those git knows or would add, or all of an exported tree."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True)
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not OUTSIDE & set(path.relative_to(ROOT).parts)]
    return tuple(path for path in found if path.is_file())


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules(*packages: str) -> Iterator[Path]:
    """The Python files of these packages, migrations apart: they are history."""
    for path in files():
        parts = path.relative_to(ROOT).parts
        if path.suffix == ".py" and parts[0] in packages and "migrations" not in parts:
            yield path


def functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Each function with its name; code at the module's top under `<module>`."""
    top = tree(path)
    inside: set[ast.AST] = set()
    for node in ast.walk(top):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside |= set(ast.walk(node)) - {node}
            yield node.name, node
    rest = ast.Module(body=[node for node in top.body if node not in inside], type_ignores=[])
    yield "<module>", _without_functions(rest)


def _without_functions(module: ast.Module) -> ast.Module:
    kept = [node for node in module.body if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)]
    return ast.Module(body=kept, type_ignores=[])


def root_name(node: ast.AST) -> tuple[str, list[str]]:
    """The name a chain of calls and attributes begins with, and the attributes on the way: `A.objects.filter(x).update`
    gives `A` and `objects, filter, update`."""
    attributes: list[str] = []
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return (node.id if isinstance(node, ast.Name) else ""), attributes[::-1]


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"
