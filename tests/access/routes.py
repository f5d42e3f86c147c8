"""Every door there is, read from the URL configuration: each route of the API, each page and verb of the console."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ELSEWHERE = {"api/v1/configurations/of/{tenant_id}/": "tenants.tenant", "v1/snapshot/{tenant_id}": "tenants.tenant"}
IN_BODY = {
    "/api/v1/configurations/": "tenants.tenant",
    "/api/v1/validations/": "tenants.tenant",
    "/api/v1/usage/": "tenants.tenant",
    "/api/v1/holds/": "tenants.tenant",
    "/api/v1/erasure-requests/": "tenants.tenant",
    "/api/v1/erasure-requests/preview/": "tenants.tenant",
    "/api/v1/exports/": "tenants.tenant",
    "/api/v1/restores/": "tenants.tenant",
    "/api/v1/certificate-rechecks/": "certificates.certificate",
    "/api/v1/erasure-draws/": "erasing.erasurerequest",
    "/api/v1/tier-changes/": "tenants.tenant",
    "/api/v1/tier-changes/estimate/": "tenants.tenant",
    "/api/v1/migrations/": "tenants.tenant",
    "/api/v1/tenant-copies/": "tenants.tenant",
    "/api/v1/rehearsals/": "tenants.tenant",
    "/api/v1/estate-decisions/": "estate.finding",
    "/api/v1/migrations/plan/": "tenants.tenant",
    "/api/v1/portfolios/": "tenants.tenant",
    "/api/v1/portfolios/plan/": "tenants.tenant",
    "/api/v1/rollback-drills/": "migration.migration",
    "/api/v1/tenant-requests/": "tenants.businessunit",
    "/api/v1/tenant-requests/estimate/": "tenants.businessunit",
}


@dataclass(frozen=True)
class Door:
    """One method of one address. `kind` is what its id names; `answers` is false where it can only say 405."""

    method: str
    route: str
    kind: str = ""
    answers: bool = True
    in_body: bool = False

    @property
    def word(self) -> str:
        """What is done: the last piece of the address."""
        return self.route.rstrip("/").rsplit("/", 1)[-1]

    @property
    def is_about_one(self) -> bool:
        return "{" in self.route or self.in_body

    @property
    def is_list(self) -> bool:
        return bool(self.kind) and not self.is_about_one


def api() -> list[Door]:
    """Every route outside the console × every method."""
    found = []
    for route, view in _walk(get_resolver().url_patterns):
        can = _methods(view)
        kind = _kind(route, view)
        for method in METHODS:
            in_body = method == "POST" and "/" + route in IN_BODY
            named = IN_BODY["/" + route] if in_body else kind if "{" in route or method == "GET" else ""
            found.append(Door(method, "/" + route, named, method in can, in_body))
    return sorted(found, key=lambda door: (door.route, METHODS.index(door.method)))


def console() -> list[Door]:
    """Every page of the console, and every verb a page knows."""
    found = []
    for route, _view in _walk(admin.site.get_urls()):
        page = _page_of(route)
        is_listed = page is not None and route == f"{page.mount}/"
        kind = page.opts.label_lower if page and ("{object_id}" in route or is_listed) else ""
        if "{verb}" not in route:
            methods = ("GET", "POST") if route.endswith(("new/", "estimate/", "read/")) or page is None else ("GET",)
            found += [Door(method, "/" + route, kind) for method in methods]
        elif page is not None:
            found += [Door("POST", "/" + route.replace("{verb}", verb), kind) for verb in verbs_of(page)]
    return sorted(set(found), key=lambda door: (door.route, door.method))


def verbs_of(page: Any) -> list[str]:
    """Every verb the page can offer, in whatever state and to whomever: in its class, or a function that it calls."""
    tree = ast.parse(inspect.getsource(sys.modules[type(page).__module__]))
    parts = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    own = parts[type(page).__name__]
    used = {node.id for node in ast.walk(own) if isinstance(node, ast.Name)} & set(parts)
    nodes = [node for name in (own.name, *used) for node in ast.walk(parts[name])]
    calls = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Verb"]
    words = {call.args[0].value for call in _plain(calls)}
    return sorted(words | (set() if len(calls) == len(_plain(calls)) else set(page.verb_words)))


def _plain(calls: list[Any]) -> list[Any]:
    """Those whose word stands in the call. A page that takes it from a table says in `verb_words` which there are."""
    return [call for call in calls if isinstance(call.args[0], ast.Constant)]


def _page_of(route: str) -> Any:
    pages = {page.mount: page for page in admin.site.governed()}  # type: ignore[attr-defined]
    return pages.get(route.partition("/")[0])


def _walk(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for one in patterns:
        route = prefix + with_places(str(one.pattern))
        if isinstance(one, URLPattern):
            yield route, one.callback
        elif isinstance(one, URLResolver) and one.namespace != "admin":
            yield from _walk(one.url_patterns, route)


def _methods(view: Any) -> set[str]:
    if hasattr(view, "actions"):
        return {method.upper() for method in view.actions} & set(METHODS)
    handlers = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return {method for method in METHODS if hasattr(handlers, method.lower())} if handlers else {"GET"}


def _kind(route: str, view: Any) -> str:
    queryset = getattr(getattr(view, "cls", None), "queryset", None)
    return ELSEWHERE.get(route) or ("" if queryset is None else str(queryset.model._meta.label_lower))


def with_places(pattern: str) -> str:
    """`^(?P<pk>…)/$` and `<uuid:pk>/` both read `{pk}/`."""
    found, depth, start = "", 0, 0
    for at, letter in enumerate(pattern.removeprefix("^").removesuffix("$")):
        at += pattern.startswith("^")
        if letter == "(":
            start, depth = (at if depth == 0 else start), depth + 1
        elif letter == ")":
            depth -= 1
            if depth == 0:
                name = re.match(r"\(\?P<(\w+)>", pattern[start:])
                found += "{" + (name[1] if name else "") + "}"
        elif depth == 0:
            found += letter
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", found).replace("\\", "")
