"""One cell of the matrix, and the whole as text to be read and reviewed line by line."""

import re
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from typing import Any

from django.db import transaction

from tenants.registry.mirror import mirror

from .bodies import sent_to_api, sent_to_console
from .routes import METHODS, Door
from .scene import Scene

Row = dict[str, str]
Matrix = dict[str, dict[str, tuple[str, Row]]]
UNSERVED = ("platform", "nobody")


def undone(client: Any, ask: Callable[[], Any]) -> Any:
    """Ask, then forget whatever it did, in the database and in the browser. Never a 5xx."""
    cookies = client.cookies.output(header="", sep=";")
    with transaction.atomic():
        answer = ask()
        client.cookies = SimpleCookie(cookies)
        raw = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    mirror().forget()  # what it read of what never was
    assert answer.status_code < 500, (answer.request["REQUEST_METHOD"], answer.request["PATH_INFO"], raw[-2000:])
    answer.shown = raw.decode(errors="replace")
    return answer


def ask_api(client: Any, door: Door, key: str, scene: Scene, given: Any = ...) -> Any:
    """Send one request to the API about the object `key`, by default with the body that belongs there."""
    url = door.route
    below = scene.below.get(key, key)
    for place in ("pk", "tenant_id", "rule_id", "region", "role", "key", "known_as"):
        url = url.replace(f"{{{place}}}", key)
    url = url.replace("{question}", below).replace("{route}", below) + asked(door)
    body = sent_to_api(door, key, scene.below) if given is ... else given
    return undone(client, lambda: getattr(client, door.method.lower())(url, body))


def asked(door: Door) -> str:
    """The question behind the address: all rows of a list, what a document needs to be told."""
    return "?from=0" if door.route.endswith("/consistency/") else "?page_size=200" if door.is_list else ""


def ask_console(client: Any, door: Door, key: str, scene: Scene) -> Any:
    """Open one page as a browser would, or send its form."""
    url = door.route.replace("{object_id}", key)
    if door.method == "GET":
        return undone(client, lambda: client.get(url))
    return undone(client, lambda: client.post(url, sent_to_console(door, key, scene.below)))


def code(answer: Any, door: Door, scene: Scene) -> str:
    """The status; where it lists, also which of the objects are in the list."""
    if answer.status_code == 302 and answer.headers["Location"].startswith("/login/"):
        return "login"
    if answer.status_code != 200 or not door.is_list:
        return str(answer.status_code)
    found = (re.search(rf"\b{re.escape(key)}\b", answer.shown) for key in scene.kind(door.kind).values())
    there = [name for name, match in zip(scene.kind(door.kind), found, strict=True) if match]
    return f"200 [{' '.join(there)}]"


def fill(doors: Iterable[Door], clients: dict[str, Any], ask: Callable[..., Any], scene: Scene) -> Matrix:
    """Every door × everybody × every relation; where a method is not served at all, two are enough to see that."""
    found: Matrix = {}
    for door in doors:
        keys = scene.of(door)
        wanted = keys if door.answers else dict(list(keys.items())[:1])
        people = clients if door.answers else {name: clients[name] for name in UNSERVED}
        row = {}
        for name, client in people.items():
            codes = [code(ask(client, door, key, scene), door, scene) for key in wanted.values()]
            row[name] = codes[0] if len(set(codes)) == 1 else "/".join(codes)
        found.setdefault(door.route, {})[door.method] = ("/".join(keys), row)
    return found


def as_text(matrix: Matrix, intro: str) -> str:
    """One block for each route; methods with the same answers share their lines, and so do people."""
    lines = [f"# {line}".rstrip() for line in intro.strip().splitlines()]
    for route, methods in sorted(matrix.items()):
        relations = next(relations for relations, _ in methods.values())
        lines += ["", f"{route}  ({relations})" if relations else route]
        for same in _alike(methods):
            for at, (answers, people) in enumerate(_people_by_code(methods[same[0]][1]).items()):
                lines.append(f"  {' '.join(same) if at == 0 else '':<5} {answers:<24} {people}")
    return "\n".join(lines) + "\n"


def _alike(methods: dict[str, tuple[str, Row]]) -> list[list[str]]:
    found: dict[str, list[str]] = {}
    for method in sorted(methods, key=METHODS.index):
        found.setdefault(str(sorted(methods[method][1].items())), []).append(method)
    return list(found.values())


def _people_by_code(row: Row) -> dict[str, str]:
    """Who gets each answer. Left out: that nobody is sent to sign in, which the intro says once."""
    found: dict[str, list[str]] = {}
    for name, answers in row.items():
        if name != "nobody" or answers not in ("401", "login"):
            found.setdefault(answers, []).append(name)
    if len(found) == 1:
        return {
            answers: "everybody" if "nobody" in names else "everybody signed in" for answers, names in found.items()
        }
    return {answers: " ".join(names) for answers, names in found.items()}
