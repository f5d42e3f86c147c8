"""What a production start is checked for: clean checks, complete migrations, no start without a secret."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

PROJECT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py as a production process with this environment and nothing of the test run's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    given = {**kept, "BAILIWICK_EMBEDDED": "0", "DATABASE_URL": "postgresql://app@127.0.0.1:1/none", **env}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=PROJECT, env=given, capture_output=True, text=True, timeout=120
    )


def test_check_deploy_is_clean(tmp_path: Path) -> None:
    found = manage(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        DJANGO_SECRET_KEY=secrets.token_urlsafe(60),
        BAILIWICK_ALLOWED_HOSTS="portal.example",
        BAILIWICK_SECRETS_DIR=str(tmp_path),
        BAILIWICK_HOME=str(tmp_path),
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("secret", ["", "changeme"])
def test_no_start_without_a_secret(secret: str, tmp_path: Path) -> None:
    found = manage("check", DJANGO_SECRET_KEY=secret, BAILIWICK_HOME=str(tmp_path))
    assert found.returncode != 0
    assert "DJANGO_SECRET_KEY" in found.stderr.splitlines()[-1]


def test_migrations_match_models(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
