"""The alert rules as Prometheus itself reads them, and a runbook behind every one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from tests.deploy.rendering import DEPLOY

ROOT = DEPLOY.parent
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
RUNBOOKS = sorted(path for path in (ROOT / "docs" / "runbooks").glob("*.md") if path.name != "README.md")
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
BOOK_OF = {rule["alert"]: rule["annotations"].get("runbook_url", "") for rule in RULES}
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is part of Debian's prometheus")
def test_prometheus_reads_the_rules_and_alarms_when_it_should(tmp_path: Path) -> None:
    for source in (ALERTS, Path(__file__).parent / "rules.yml"):
        shutil.copy(source, tmp_path)
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "rules.yml")):
        ran = subprocess.run([str(PROMTOOL), *words], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_leads_to_a_runbook() -> None:
    assert {name: book for name, book in BOOK_OF.items() if not (ROOT / book).is_file()} == {}


@pytest.mark.parametrize("book", RUNBOOKS, ids=lambda path: path.stem)
def test_every_runbook_says_what_calls_for_it(book: Path) -> None:
    """Alerts are those that lead here; news are events that somebody is told of."""
    said = re.search(r"^\*\*Called by\*\* (.+?)(?:\n\n|\Z)", book.read_text(), re.MULTILINE | re.DOTALL)
    assert said, "no `**Called by**`"
    named = set(re.findall(r"`([^`]+)`", said[1]))
    alerts = {name for name, path in BOOK_OF.items() if path.endswith(f"/{book.name}")}
    assert alerts <= named
    assert named - alerts <= set(settings.OUTBOX_SUBSCRIBERS)
    assert named
