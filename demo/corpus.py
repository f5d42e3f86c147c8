"""Real texts that are already on this machine: what the installed packages say of themselves."""

import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, PackagePath
from pydoc_data import topics

SMALLEST, LARGEST = 400, 60_000
MANUAL_FOLDERS = {"doc", "docs", "examples", "licenses", "references"}
MANUAL_STEMS = ("readme", "changelog", "changes", "authors", "notice", "contributing", "license", "licence", "copying")


@dataclass(frozen=True)
class Text:
    """One document: where it came from and what it says."""

    title: str
    source: str
    body: str


@cache
def collect(limit: int | None = None) -> tuple[Text, ...]:
    """The texts of this machine, each once, in an order that depends on their names only.

    Descriptions, manuals and licences alternate, so any slice holds some of each. Sizes are capped at LARGEST
    characters; texts under SMALLEST say nothing and are left out.
    """
    distributions = sorted(importlib.metadata.distributions(), key=lambda found: (found.name or "").lower())
    kinds = [_descriptions(distributions), _language_manual(), _files(distributions)]
    return tuple(_unique(_alternate(kinds), limit))


def _descriptions(distributions: list[Distribution]) -> Iterator[Text]:
    for found in distributions:
        about = found.metadata.json
        summary, body = str(about.get("summary", "")), str(about.get("description", ""))
        yield Text(f"{found.name}: {summary}"[:200], f"pypi/{found.name}", body)


def _files(distributions: list[Distribution]) -> Iterator[Text]:
    for found in distributions:
        for path in sorted(found.files or [], key=str):
            if _is_manual(path):
                yield Text(f"{found.name}: {path.name}", f"pypi/{found.name}/{path}", _read(path))


def _language_manual() -> Iterator[Text]:
    for name, body in sorted(topics.topics.items()):
        yield Text(f"Python language reference: {name}", f"python/topics/{name}", body)


def _is_manual(path: PackagePath) -> bool:
    stem, suffix = path.stem.lower(), path.suffix.lower()
    if stem.startswith(MANUAL_STEMS):
        return suffix in {"", ".md", ".rst", ".txt", ".apache", ".bsd", ".mit"}
    return suffix in {".md", ".rst"} or (suffix == ".txt" and bool(MANUAL_FOLDERS.intersection(path.parts)))


def _read(path: PackagePath) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _alternate(kinds: list[Iterator[Text]]) -> Iterator[Text]:
    while kinds:
        for kind in list(kinds):
            text = next(kind, None)
            if text is None:
                kinds.remove(kind)
            else:
                yield text


def _unique(texts: Iterator[Text], limit: int | None) -> Iterator[Text]:
    seen: set[str] = set()
    for text in texts:
        body = text.body.replace("\x00", "").strip()[:LARGEST]
        if len(body) < SMALLEST or body in seen:
            continue
        seen.add(body)
        yield Text(text.title, text.source, body)
        if len(seen) == limit:
            return
