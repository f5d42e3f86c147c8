"""What the guides and runbooks tell people to type exists: commands, routes with their bodies, settings, links."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bailiwick_verify.__main__ import main as bailiwick_verify
from django.core.management import get_commands, load_command_class
from drf_spectacular.generators import SchemaGenerator

from tests.deploy.rendering import DEPLOY
from tests.deploy.test_image import _names_in_code

ROOT = DEPLOY.parent
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
PAGES = [*GUIDES, *RUNBOOKS]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
CALL = re.compile(
    r"""\bbw (GET|POST|PATCH|DELETE) ('[^']*'\S*|\S+?)(?= '\{|`|\n|$| \\)(?: \\?\s*'(\{.*?\})')?""", re.MULTILINE
)
MANAGE = re.compile(r"python manage\.py ([a-z_]+[^`\n|>]*)")
SECTIONS = ("Called by", "Seen", "First five minutes", "Decide", "Over when", "Write down")
# Told to processes by others than portal/settings.py, each by the file that reads it.
ELSEWHERE = {
    "BAILIWICK_EMBEDDED_REGIONS": "portal/embedded/startup.py",
    "BAILIWICK_MIGRATE_DATABASE_URL": "portal/embedded/environment.py",
    "BAILIWICK_REGISTRY_STREAM_URL": "ragplatform/config.py",
    "BAILIWICK_REGISTRY_COPY_DIR": "ragplatform/config.py",
    "BAILIWICK_S3_CONTRACT_URL": "tests/contracts/doubles/conftest.py",
    "BAILIWICK_SWEEPS": "tests/sweeps.py",
}


@cache
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return found


@cache
def routes() -> list[tuple[re.Pattern[str], str]]:
    paths = sorted(schema()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]+\}", r"[^/]+", path)), path) for path in paths]


def blocks(page: Path, language: str) -> Iterator[str]:
    for named, _, code in FENCE.findall(page.read_text()):
        if named == language:
            yield code


def operation(method: str, address: str) -> dict[str, Any] | None:
    """The operation of the OpenAPI document that an address means."""
    path = re.sub(r"\$\w+", "x", address.strip("'")).replace("'", "").partition("?")[0]
    for pattern, template in routes():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = schema()["paths"][template].get(method.lower())
            return found
    return None


def allowed(field: dict[str, Any]) -> list[str]:
    """The words a field may take; none where it takes any."""
    for one in (field, *field.get("allOf", []), *field.get("oneOf", [])):
        named = schema()["components"]["schemas"][one["$ref"].rsplit("/", 1)[1]] if "$ref" in one else one
        if "enum" in named:
            found: list[str] = named["enum"]
            return found
    return []


def wrong_with(method: str, address: str, body: str) -> str:
    """Why the call would be refused for its shape; "" when it would not."""
    if address.strip("'").partition("?")[0] in ("/health/ready", "/health/live", "/metrics"):
        return ""
    found = operation(method, address)
    if found is None:
        return f"no {method} {address}"
    query = re.findall(r"[?&](\w+)=", address)
    known = {one["name"] for one in found.get("parameters", [])}
    if set(query) - known:
        return f"{address}: no filter {set(query) - known}"
    asked = found.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in asked:
        asked = schema()["components"]["schemas"][asked["$ref"].rsplit("/", 1)[1]]
    said = json.loads(body) if body else {}
    given = set(said)
    required = set(asked.get("required", [])) if method == "POST" else set()
    if given - set(asked.get("properties", {})) or required - given:
        return f"{method} {address}: knows {sorted(asked.get('properties', {}))}, needs {sorted(required)}"
    for name, value in said.items():
        words = allowed(asked["properties"][name])
        if words and value not in words:
            return f"{method} {address}: {name} is one of {words}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    local = [target for target in LINK.findall(page.read_text()) if "://" not in target and target != "mailto:"]
    assert [target for target in local if not (page.parent / target).exists()] == []
    named = re.findall(
        r"`((?:docs|deploy|tests|packages|ragplatform|portal|terraform)/[\w./-]+\.\w+)`", page.read_text()
    )
    assert [target for target in named if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_routes_exist_with_these_fields(page: Path) -> None:
    calls = CALL.findall(page.read_text())
    assert [why for why in (wrong_with(*call) for call in calls) if why] == []
    named = re.findall(r"`(GET|POST|PATCH|DELETE) (/api/v1/[^`?]*)[^`]*`", page.read_text())
    assert [f"{method} {path}" for method, path in named if operation(method, path) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_with_these_options(page: Path) -> None:
    for line in MANAGE.findall(page.read_text()):
        name, *words = shlex.split(line.split(" #")[0].split(";")[0])
        assert name in get_commands(), line
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        try:
            parser.parse_args([word for word in words if word != "…"])
        except (SystemExit, Exception) as error:  # Django raises its own, argparse exits
            pytest.fail(f"{page.name}: manage.py {line}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\b(?:BAILIWICK|OIDC|EMAIL|DJANGO)_[A-Z][A-Z_]*[A-Z]\b", page.read_text()))
    code = _names_in_code()
    for name in named - code:
        assert name in ELSEWHERE, f"{page.name} names {name}"
        assert name in (ROOT / ELSEWHERE[name]).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verifiers_words_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in re.findall(r"^(?: {4})?bailiwick-verify (.+?)$", page.read_text().replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line.split(" #")[0])
        assert _helped(words, capsys), line


def _helped(words: list[str], capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether the subcommand exists and knows each option used."""
    with pytest.raises(SystemExit) as ended:
        bailiwick_verify([words[0], "--help"])
    said = capsys.readouterr().out
    return ended.value.code == 0 and all(word in said for word in words if word.startswith("--"))


@pytest.mark.parametrize("book", [one for one in RUNBOOKS if one.name != "README.md"], ids=lambda book: book.stem)
def test_a_runbook_has_every_part(book: Path) -> None:
    text = book.read_text()
    missing = [part for part in SECTIONS if f"**{part}**" not in text and f"## {part}" not in text]
    assert not missing
    assert f"({book.name})" in (book.parent / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_can_be_read(page: Path) -> None:
    for code in blocks(page, "sh"):
        read = subprocess.run(["bash", "-n"], input=code, text=True, capture_output=True)
        assert read.returncode == 0, read.stderr


def test_what_does_not_exist_would_be_found() -> None:
    assert wrong_with("POST", "/api/v1/jobs/$JOB/explosion/", "")
    assert wrong_with("POST", "/api/v1/jobs/$JOB/resumption/", '{"reason": "x", "force": true}')
    assert wrong_with("POST", "/api/v1/jobs/$JOB/resumption/", "")
    assert wrong_with("GET", "'/api/v1/jobs/?colour=red'", "")
    assert wrong_with("POST", "/api/v1/estate-decisions/", '{"findings": [], "remedy": "hope", "reason": "x"}')
    assert CALL.findall("bw POST /api/v1/x/ '{\"a\": 1}'\n") == [("POST", "/api/v1/x/", '{"a": 1}')]
