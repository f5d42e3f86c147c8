"""The hourly copy on disk: whole or said to be damaged, and never more of them than are kept."""

from pathlib import Path

import pytest

from portal.access.actor import Actor
from tenants import actions
from tenants.registry import backup
from tests.admin.world import tenant

pytestmark = pytest.mark.django_db


def test_a_copy_tells_of_every_tenant_and_notices_a_change(shipped: None, tmp_path: Path) -> None:
    made = tenant("acme", "FIN", "meera")
    actions.suspend(made.pk, actor=Actor.system("test"), reason="unpaid")
    path = backup.write(tmp_path)
    (found,) = backup.read(path)["tenants"]
    assert (found["name"], found["status"], found["limits"]) == ("acme", "suspended", made.limits())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(backup.Damaged):
        backup.read(path)


def test_only_so_many_are_kept(shipped: None, tmp_path: Path) -> None:
    written = [backup.write(tmp_path) for _ in range(backup.KEPT + 2)]
    assert sorted(tmp_path.iterdir()) == written[2:]
