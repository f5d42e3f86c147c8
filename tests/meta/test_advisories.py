"""What `make test` says about known vulnerabilities is never quieter than what it knows."""

import re

from .advisories import LOCK, ROOT, Verdict, judged

CLEAN = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def test_a_vulnerability_is_named() -> None:
    verdict = judged({"dependencies": [CLEAN, BAD, SKIPPED]})
    assert verdict.found == ["b 2 PYSEC-2026-1"] and verdict.line.endswith("1 known vulnerabilities: b 2 PYSEC-2026-1")


def test_what_was_not_asked_about_is_not_called_clean() -> None:
    assert "NOT CHECKED" in judged({"dependencies": [SKIPPED]}).line
    assert "NOT CHECKED" in Verdict().line
    assert judged({"dependencies": [CLEAN, SKIPPED]}).line == (
        "pip-audit: 1 of 2 locked packages checked, no known vulnerability, not known there: c"
    )


def test_one_lock_holds_all() -> None:
    def pins(text: str) -> set[str]:
        return set(re.findall(r"^[A-Za-z0-9_.\[\]-]+==[^ ]+", text, re.MULTILINE))

    for lock in (ROOT / "requirements").glob("*.txt"):
        assert pins(lock.read_text()) <= pins(LOCK.read_text()), lock.name
