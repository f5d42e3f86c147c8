from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.notify import defaults
from tests.approvals.people import SYSTEM

from .receiver import Receiver


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.NOTIFY_ALLOW_PRIVATE_ADDRESSES = True
    running = Receiver().start()
    yield running
    running.stop()


@pytest.fixture
def mails(settings: Any, tmp_path: Path) -> Callable[[], list[str]]:
    """Every mail so far. Django names a file by the second and the sender's place in memory, so two may share one."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    end = "-" * 79 + "\n"
    return lambda: "".join(one.read_text() for one in sorted((tmp_path / "mail").iterdir())).split(end)[:-1]


@pytest.fixture
def shipped_routes(db: Any) -> None:
    defaults.install(SYSTEM)
