"""A real Chromium on the real pages."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from portal.lib.clock import now
from tenants.costs.statements import refresh
from tests.admin.world import World, build, person, read_with_a_reason
from tests.compliance.certificates.made import issued_row
from tests.erasing.made import blocked, owed
from tests.flags.made import flag, kill_switch, on_for
from tests.inventory.made import finding, system
from tests.migration.control.made import migration, under_way

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's own loop runs in the thread of the test
AXE = Path(__file__).with_name("axe.min.js")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    if not CHROMIUM:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("chromium is missing; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def world(settings: Any, transactional_db: None, shipped: None) -> World:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
    found = build()
    refresh(now().date().replace(day=1))
    flag()
    kill_switch()
    on_for("cite-sources", found.tenant)
    issued_row(found.tenant.pk, "FIN", "browser")
    under_way(migration(found.tenant, "traffic_cutover_complete"))
    blocked(found.tenant)
    owed(found.tenant)
    system(asked_by="oliver")
    finding()
    for username in ("priya", "kiran"):
        read_with_a_reason(username)
    return found


@pytest.fixture
def visit(chromium: Any, live_server: Any, world: World) -> Iterator[Callable[..., Any]]:
    """`visit("meera", width=390)` is a browser page that meera has signed in with; it keeps what went wrong."""
    contexts = []

    def opened(username: str = "", *, width: int = 1280, theme: str = "light", script: bool = True) -> Any:
        size = {"width": width, "height": 900}
        context = chromium.new_context(
            base_url=live_server.url, viewport=size, color_scheme=theme, java_script_enabled=script
        )
        contexts.append(context)
        context.add_init_script(WATCH)
        if username:
            context.add_cookies([_session(username, live_server.url)])
        page = context.new_page()
        page.wrong = []
        page.on("console", lambda line: page.wrong.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()


def _session(username: str, url: str) -> dict[str, Any]:
    client = Client()
    client.force_login(person(username), backend="django.contrib.auth.backends.ModelBackend")
    return {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": url,
    }
