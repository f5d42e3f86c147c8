"""Green dies after the switch: the number is said, a person accepts it, blue serves, and green never opens again."""

from typing import Any

import psycopg
import pytest
from bailiwick_proof.policy import Policy
from bailiwick_verify.migration import verify

from lifecycle.migration.losses import schedule
from lifecycle.migration.losses.models import Loss
from lifecycle.migration.losses.queries import loss_of
from lifecycle.migration.recording import signed_record
from lifecycle.stores.postgres import fences
from portal.audit.models import Entry
from portal.guards import refusals
from portal.jobs import runner
from portal.jobs.actions import wake
from portal.jobs.outbox import deliver_due
from portal.notify.models import Notice
from tests.admin.world import person
from tests.migration.engine import kills
from tests.sealing import seal_here

from .running import SIDES, Running
from .test_workers import BACK, SWITCHED, killed, points

pytestmark = pytest.mark.django_db(transaction=True)
BLUE, GREEN = SIDES
WRITE = "INSERT INTO rag.documents (tenant_id, id, title) SELECT %s, gen_random_uuid(), 'w' FROM generate_series(1, %s)"


def write(one: Running, region: Any, epoch: int, rows: int = 1) -> None:
    with one.stores.writer(region, epoch) as db:
        db.execute(WRITE, [one.stores.id, rows])


def looked(one: Running) -> str:
    """What the job says after one more look."""
    wake(one.job.pk)
    runner.run(one.job.pk)
    deliver_due()
    return one.job.wait_reason


def accept(api: Any, one: Running, who: str, writes: str) -> Any:
    url = f"/api/v1/migrations/{one.migration.pk}/loss-acceptance/"
    return api(who).post(url, {"reason": "Its region burns.", "writes": writes})


@pytest.fixture
def burning(switched: Running, dead: Any) -> Running:
    """Twelve writes on green were counted while blue was away; then green goes silent."""
    write(switched, switched.stores.green, switched.stands[1], 12)
    dead(BLUE)
    looked(switched)
    assert loss_of(switched.migration) is None, "blue is silent: nothing has to be given up"
    dead(GREEN)
    looked(switched)
    return switched


def test_a_person_accepts_the_number_and_blue_serves(burning: Running, dead: Any, api: Any, client: Any) -> None:
    one, before = burning, burning.stands
    asked = api("kiran").get(f"/api/v1/migrations/{one.migration.pk}/").json()["loss"]
    assert (asked["state"], asked["writes"]) == ("asked", 12)
    assert "12 writes would be lost" in asked["words"] and "since then is unknown" in asked["words"]
    assert Notice.objects.filter(event="migration.loss_asked", user=person("sanjay")).exists()
    client.force_login(person("sanjay"), backend="django.contrib.auth.backends.ModelBackend")
    assert "Go back without green" in client.get(f"/migrations/{one.migration.pk}/").content.decode()
    assert accept(api, one, "meera", "12").status_code == 403
    assert accept(api, one, "sanjay", "11").status_code == 422
    assert accept(api, one, "sanjay", "unknown").status_code == 422
    assert one.stands == before and Loss.objects.get().state == "asked"
    assert accept(api, one, "sanjay", "12").status_code == 200
    deliver_due()
    kills.wait(killed(one, points(25, 1)[0]))
    one.until(BACK)
    assert one.stands[0] == BLUE and one.stands[1] > before[1]
    fence = fences.read(one.stores.blue, one.stores.id)
    assert fence and (fence.state, fence.epoch) == ("open", one.stands[1])
    write(one, one.stores.blue, one.stands[1])
    _is_told(one, api)
    _green_comes_back(one, dead, before[1])


def _is_told(one: Running, api: Any) -> None:
    """In the ledger with the person, and in the sealed record without."""
    entry = Entry.objects.get(verb="migration.loss_accepted", object_id=str(one.migration.pk))
    assert (entry.actor, entry.data["writes"]) == (str(person("sanjay").pk), 12)
    seal_here()
    found = verify(signed_record(one.migration), Policy.parse(api("oliver").get("/api/v1/audit/policy/").content))
    assert found.record["loss"]["writes"] == 12 and found.record["way_back"] is None
    assert "12 writes as counted" in found.text()


def _green_comes_back(one: Running, dead: Any, epoch: int) -> None:
    """Somebody nobody reached wrote there still. It is closed before a move starts, and keeps what was lost."""
    green = one.stores.green
    write(one, green, epoch)
    schedule.tick()
    assert Loss.objects.get().state == "given_up", "nobody reaches it yet"
    assert "given-up" in [each.by for each in refusals("migration.start", one.migration)]
    dead()
    schedule.tick()
    loss, fence = Loss.objects.get(), fences.read(green, one.stores.id)
    assert fence and fence.state == "closed" and (loss.state, loss.found) == ("closed", 13)
    assert "given-up" not in [each.by for each in refusals("migration.start", one.migration)]
    with pytest.raises(psycopg.Error):
        write(one, green, epoch)
    with psycopg.connect(**green.database.connect_kwargs("observer")) as db:
        assert db.execute("SELECT count(*) FROM bw.dirty WHERE tenant_id = %s", [one.stores.id]).fetchone() == (0,)


def test_green_answers_in_the_last_moment_and_nothing_is_lost(burning: Running, dead: Any, api: Any) -> None:
    one = burning
    assert accept(api, one, "kiran", "12").status_code == 403, "an engineer does not decide it"
    assert accept(api, one, "priya", "12").status_code == 200
    assert accept(api, one, "priya", "12").status_code == 409
    dead()
    whole = one.stores.everything(one.stores.green)
    deliver_due()
    one.until(BACK)
    assert one.stores.everything(one.stores.blue) == whole
    assert Loss.objects.get().state == "withdrawn" and one.open() == [one.stands]


def test_who_asked_for_the_move_does_not_accept_its_loss(burning: Running, api: Any) -> None:
    one = burning
    type(one.migration).objects.filter(pk=one.migration.pk).update(requested_by=person("priya"))
    answer = accept(api, one, "priya", "12")
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:bailiwick:problem:own-move")
    assert one.migration.state == SWITCHED
