"""Ask an advisory service about every locked package, and say in one line what came of it.

    python -m tests.meta.advisories

Exit 1 when a known vulnerability is found, also when only some packages could be asked about. A package that the
service does not know counts as not asked about: pip-audit alone skips those quietly and calls the rest clean.
"""

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "test.txt"  # holds what the others hold, and more
SERVICES = ("pypi", "osv")
PATIENCE = 180


@dataclass
class Verdict:
    """What is known about the locked packages."""

    asked: int = 0
    unasked: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        whole = self.asked + len(self.unasked)
        if self.found:
            return f"pip-audit: {len(self.found)} known vulnerabilities: {'; '.join(self.found)}"
        if not self.asked:
            return f"pip-audit: NOT CHECKED: no advisory service can be reached from here ({whole} locked packages)"
        missing = f", not known there: {', '.join(self.unasked)}" if self.unasked else ""
        return f"pip-audit: {self.asked} of {whole} locked packages checked, no known vulnerability{missing}"


def judged(report: dict[str, Any]) -> Verdict:
    """Read pip-audit's JSON."""
    verdict = Verdict()
    for package in report["dependencies"]:
        if "skip_reason" in package:
            verdict.unasked.append(package["name"])
            continue
        verdict.asked += 1
        verdict.found += [f"{package['name']} {package['version']} {one['id']}" for one in package["vulns"]]
    return verdict


def ask(lock: Path, service: str) -> Verdict:
    """One run of pip-audit over a lock; nothing is installed or resolved."""
    command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--require-hashes", "--disable-pip", "--no-deps"]
    command += ["-f", "json", "--progress-spinner", "off", "-s", service, "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        return judged(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return Verdict(unasked=re.findall(r"^([A-Za-z0-9_.-]+)==", lock.read_text(), re.MULTILINE))


def audit(lock: Path = LOCK) -> Verdict:
    """The answer of the first service that knows anything."""
    for service in SERVICES:
        verdict = ask(lock, service)
        if verdict.asked:
            break
    return verdict


if __name__ == "__main__":
    found = audit()
    print(found.line, flush=True)
    sys.exit(1 if found.found else 0)
