"""Five ids at random and every verifier's answer: as long as the list is there by leaf, afterwards the canaries."""

from typing import Any
from uuid import UUID

import pytest

from compliance.draws import actions, drawing
from compliance.draws.models import Draw
from compliance.erasing.models import ErasureRequest, SubjectKey
from compliance.verifiers.looking import Answer, Question
from compliance.verifiers.manifest import some
from lifecycle.erasure.engine import items
from portal.audit.context import acting
from portal.audit.models import Entry
from portal.jobs import runner
from portal.lib.errors import Conflict, Invalid, NotAllowed
from portal.lib.regions import Region
from tenants.models import Tenant
from tests.erasing.conftest import notes
from tests.erasing.made import Seven, act, put, row
from tests.erasure.conftest import settled
from tests.erasure.made import Settled

__all__ = ["notes", "settled"]
pytestmark = pytest.mark.django_db
DOCUMENT = UUID("0193b0a0-0000-7000-8000-0000000000d0")


class Telling(Seven):
    """One that says in clear what it was asked."""

    def look(self, question: Question) -> Answer:
        ids = question.documents or (question.tenant_id,)
        words = f"of {question.tenant_name}: {', '.join(map(str, ids))}"
        return Answer("telling", "test", words, found=1, by={f"rag-{question.tenant_name}": 1})


def telling(system: str) -> Seven:
    return Telling()


@pytest.fixture
def erased(notes: Tenant, settings: Any) -> ErasureRequest:
    settings.ERASURE = {**settings.ERASURE, "verifier_of": f"{__name__}.telling"}
    return put(row(notes, "executing"), "executing")


def drawn(request: ErasureRequest) -> Draw:
    made = actions.begin(request.pk, actor=act("farah"), reason="A sample.")
    runner.run(made.job_id)
    return Draw.objects.get(pk=made.pk)


def test_what_is_listed_is_shown_by_its_leaf_and_names_are_covered(erased: ErasureRequest, region: Region) -> None:
    one = drawing.Drawn(region, f"postgres-{region.name}", f"documents/{DOCUMENT}", "ab" * 32)
    said = drawing.answers(one, erased)
    assert len(said) == 7 and {answer["found"] for answer in said} == {1}
    assert "(id)" in said[0]["query"] and "(tenant)" in said[0]["query"]
    assert str(DOCUMENT) not in str(said) and erased.tenant.name not in str(said)


def test_when_the_list_is_gone_the_canaries_are_asked_for(erased: ErasureRequest) -> None:
    with acting(act("farah")):
        SubjectKey.objects.filter(request=erased).delete()
    made = drawn(put(erased, "completed"))
    assert made.state == "done" and {one["leaf"] for one in made.drawn} == {""}
    assert len(made.drawn) >= 2  # one of each region
    assert Entry.objects.filter(body__contains="erasure.drawn").exists()


def test_an_officer_draws_and_says_why(erased: ErasureRequest, notes: Tenant) -> None:
    with pytest.raises(NotAllowed):
        actions.begin(erased.pk, actor=act("meera"), reason="A sample.")
    with pytest.raises(Invalid):
        actions.begin(erased.pk, actor=act("farah"), reason=" ")
    with pytest.raises(Conflict, match="not begun"):
        actions.begin(row(notes, "scheduled").pk, actor=act("farah"), reason="A sample.")
    actions.begin(erased.pk, actor=act("farah"), reason="A sample.")
    with pytest.raises(Conflict, match="under way"):
        actions.begin(erased.pk, actor=act("farah"), reason="A sample.")


def test_a_few_of_what_is_listed_and_never_the_whole(settled: Settled) -> None:
    region, target = settled.region, settled.target()
    assert some(region, target.request_id, 5) == []
    listed = [f"bucket/{number}?version=1" for number in range(40)]
    items.put(region, target, "objects", listed)
    drawn = some(region, target.request_id, 5)
    assert len({id_ for _system, id_ in drawn} & set(listed)) == 5
    assert {system for system, _id in drawn} == {"objects"}
    items.forget(region, target.request_id)
