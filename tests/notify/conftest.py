from collections.abc import Iterator
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
def mail_files(settings: Any, tmp_path: Any) -> Any:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    return tmp_path / "mail"


@pytest.fixture
def shipped_routes(db: Any) -> None:
    defaults.install(SYSTEM)
