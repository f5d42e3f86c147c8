"""One id proved to a stranger: what was erased is in the manifest of the issued certificate, and nothing else is."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from bailiwick_verify.__main__ import main
from django.test import Client

from compliance.certificates import downloads
from compliance.certificates.models import Certificate
from compliance.erasing import proving, schedule
from compliance.erasing.models import ProofKey, SubjectKey
from portal.audit.models import Entry
from portal.lib.clock import now
from portal.lib.errors import Conflict, Invalid
from tests.admin.world import person
from tests.erasing.made import act

from .conftest import OWNED, REGION, World
from .test_holds import work

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = f"postgres-{REGION}"


def files(certificate: Certificate, client: Client, at: Path) -> list[str]:
    """What a stranger is given, and how the verifier is called with it."""
    (at / "certificate.json").write_bytes(downloads.answer(certificate, "document").content)
    (at / "evidence.zip").write_bytes(downloads.answer(certificate, "evidence").content)
    (at / "trust.json").write_bytes(client.get("/verify/trust.json").content)
    given = {"--policy": "trust.json", "--archive": "evidence.zip", "--inclusion": "id.json"}
    return ["certificate", str(at / "certificate.json"), *(str(x) for k, v in given.items() for x in (k, at / v))]


def test_a_deleted_id_is_proved_and_no_other(
    world: World, tmp_path: Path, client: Client, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    document, *others = world.settled.ask(OWNED, world.settled.id, world.settled.ann)
    bobs = world.settled.ask(OWNED, world.settled.id, world.settled.bob)[0]
    request = world.due()
    work(world)
    request.refresh_from_db()
    assert request.state == "completed" and not SubjectKey.objects.exists(), request.reasons
    certificate = Certificate.objects.get()
    argv, asked = files(certificate, client, tmp_path), {"system": ROWS, "reason": "She wants to see it."}

    client.force_login(person("farah"))
    door = f"/erasures/{request.pk}/do/prove/"
    answer = client.post(door, {**asked, "record_id": str(document)})
    assert answer.status_code == 200 and answer["Content-Type"] == "application/json", answer.content[:500]
    (tmp_path / "id.json").write_bytes(answer.content)
    assert main(argv) == 0
    assert f"documents:{document} was in the manifest of {ROWS}" in capsys.readouterr().out

    for never in (bobs, uuid4()):
        with pytest.raises(Invalid, match="was not among"):
            proving.prove(request.pk, record_id=str(never), actor=act("farah"), **asked)
        (tmp_path / "id.json").write_bytes(answer.content.replace(str(document).encode(), str(never).encode()))
        assert main(argv) == 1 and "NOT VALID" in capsys.readouterr().out
    with pytest.raises(Invalid, match=ROWS):
        proving.prove(request.pk, record_id=str(document), actor=act("farah"), **{**asked, "system": "backups"})

    told = [one for one in Entry.objects.values_list("body", flat=True) if "erasure.proved" in one]
    assert len(told) == 1 and str(document) not in told[0] and json.loads(told[0])["data"]["system"] == ROWS
    key = bytes(ProofKey.objects.get().key)
    assert not any(key.hex() in one for one in Entry.objects.values_list("body", flat=True))

    ProofKey.objects.update(until=now().date().replace(year=2020))
    schedule.tick()
    assert not ProofKey.objects.exists()
    with pytest.raises(Conflict, match="destroyed"):
        proving.prove(request.pk, record_id=str(others[0]), actor=act("farah"), **asked)
