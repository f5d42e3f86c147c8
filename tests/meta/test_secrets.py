"""No secret, no path of somebody's machine and no package registry's address is in the repository."""

import re

from tests.meta.source import ROOT, files

TEXT = {".py", ".md", ".toml", ".txt", ".json", ".yaml", ".yml", ".html", ".css", ".js", ".tf", ".hcl", ".sql", ".sh",
        ".cfg", ".ini", ""}  # fmt: skip
SECRETS = {
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n[A-Za-z0-9+/=]{16}"),
    "AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    "API key of ours": re.compile(r"\bbwp_[0-9a-f]{32}_[A-Za-z0-9_-]{43}\b"),
    "password in an address": re.compile(r"\b(?:postgres(?:ql)?|redis|amqp|https?)://[\w.-]*:[A-Za-z0-9_-]{12,}@"),
    "Slack token": re.compile(r"\bxox[abp]-[0-9A-Za-z-]{10,}"),
}
PLACES = {
    "a path of this machine": re.compile(re.escape(str(ROOT.parent)) + r"/|/root/|/home/[a-z]+/"),
    "a registry's address": re.compile(r"https?://[^\s\"']*/(?:simple|pypi|npm|api/pypi)/", re.IGNORECASE),
    "an index option": re.compile(r"^\s*--(?:extra-)?index-url", re.MULTILINE),
}
# AWS's own documentation key, and the one the double is told in its tests: nobody's.
HARMLESS = {"AKIAIOSFODNN7EXAMPLE", "AKIAROOTOFTHEDOUBLE0"}
HERE = "tests/meta/test_secrets.py"


def found(patterns: dict[str, re.Pattern[str]]) -> list[str]:
    hits = []
    for path in files():
        name = str(path.relative_to(ROOT))
        if path.suffix not in TEXT or name == HERE or path.stat().st_size > 2_000_000:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for what, pattern in patterns.items():
            hits += [
                f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {what}"
                for hit in pattern.finditer(text)
                if hit.group() not in HARMLESS
            ]
    return hits


def test_no_secrets() -> None:
    assert not found(SECRETS)


def test_no_places() -> None:
    assert not found(PLACES)


def test_locks_carry_hashes() -> None:
    for lock in ROOT.glob("requirements/*.txt"):
        pinned = re.findall(r"^[A-Za-z0-9_.\[\]-]+==\S+", lock.read_text(), re.MULTILINE)
        assert pinned, lock
        assert lock.read_text().count("--hash=sha256:") >= len(pinned), f"{lock.name}: a line has no hash"
