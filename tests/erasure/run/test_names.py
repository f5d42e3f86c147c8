"""A name that people wrote where they should not have, and those of neighbours: nothing that leaves us has it."""

import subprocess
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest
from django.test import Client

from compliance.certificates import downloads
from compliance.certificates.models import Certificate
from compliance.erasing.models import Passage
from portal.embedded.stack import Stack
from portal.jobs.models import Job, LogLine, OutboxEvent, Step
from tests.admin.world import person
from tests.erasing.made import act, ask, scheduled

from .conftest import World
from .test_holds import place as held
from .test_holds import release, work

pytestmark = pytest.mark.django_db(transaction=True)
NAME, NEIGHBOUR = "Quetzal Umbrafell", "Ondine Varkonyi"
TITLES = "UPDATE rag.documents SET title = %s WHERE tenant_id = %s"


def written(stack: Stack, world: World) -> None:
    """The person's name in their documents, another tenant's person's in theirs."""
    with psycopg.connect(**stack.superuser_kwargs(world.region.name), autocommit=True) as db:
        db.execute("SET session_replication_role = replica")
        db.execute(TITLES, (f"Letter of {NAME}", world.settled.id))
        db.execute(TITLES, (f"Letter of {NEIGHBOUR}", world.beside[0].id))


def leaving(certificate: Certificate, at: Path) -> dict[str, str]:
    """Everything that a stranger is given, as text: the record, the archive's files, the PDF's words and metadata."""
    pdf = at / "certificate.pdf"
    pdf.write_bytes(downloads.answer(certificate, "pdf").content)
    with ZipFile(BytesIO(downloads.answer(certificate, "evidence").content)) as archive:
        found = {name: f"{name} {archive.read(name).decode('latin-1')}" for name in archive.namelist()}
    for command in (["pdftotext", str(pdf), "-"], ["pdfinfo", str(pdf)], ["pdfinfo", "-meta", str(pdf)]):
        found[" ".join(command[:2])] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return found | {"record": certificate.document, "raw": pdf.read_bytes().decode("latin-1")}


def test_a_name_in_free_text_goes_nowhere(
    world: World, own: tuple[Stack, object], tmp_path: Path, client: Client
) -> None:
    written(own[0], world)
    why = f"{NAME} asked for it, and {NEIGHBOUR} was copied."
    request = scheduled(ask(world.tenant, "farah", user_id=world.settled.ann, reason=why))
    hold = held(world)
    release(world, hold)
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", (request.reasons, [one.error for one in Job.objects.all()])
    assert request.justification == why and Passage.objects.filter(reason__contains=NAME).exists(), "it is kept inside"
    certificate = Certificate.objects.get(pk=request.certificate_id)
    said = leaving(certificate, tmp_path)
    said |= {"worker's log": world.worker.log.read_text()}
    said |= {f"job log {one.pk}": one.text for one in LogLine.objects.all()}
    said |= {f"step {one.pk}": f"{one.evidence} {one.error}" for one in Step.objects.all()}
    said |= {f"news {one.pk}": str(one.payload) for one in OutboxEvent.objects.all()}
    said |= {path: client.get(path).content.decode() for path in ("/verify/status.json", "/verify/trust.json")}
    beside = [str(one.id) for one in world.beside] + [one.id.hex for one in world.beside]
    names = [*NAME.split(), *NEIGHBOUR.split(), str(world.settled.ann), world.settled.ann.hex]
    outside = {name: text for name, text in said.items() if not name.startswith(("job", "step", "news", "worker"))}
    assert [(where, one) for where, text in said.items() for one in names if one.lower() in text.lower()] == []
    assert [(where, one) for where, text in outside.items() for one in (*beside, "beside-notes") if one in text] == []
    assert str(world.tenant.pk) not in said["record"].partition('"entry"')[0]


def test_what_the_portal_knows_to_name_the_person_is_refused(world: World) -> None:
    from portal.lib.errors import Invalid

    for why in (f"Of {world.settled.ann}", f"of {world.settled.ann.hex}."):
        with pytest.raises(Invalid, match="do not name"):
            ask(world.tenant, "farah", user_id=world.settled.ann, reason=why)
    assert person("farah") == act("farah").user
