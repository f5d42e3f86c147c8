"""What may be asked for of a part that a law kept, and when: its day, its rule, and what else is kept there."""

from datetime import timedelta
from typing import Any

import pytest

from compliance.certificates import actions as certificates
from compliance.certificates.models import Certificate
from compliance.erasing import actions, rules
from compliance.erasing.models import ErasureRequest, Exemption, Obligation, SubjectKey
from portal.lib.clock import now
from portal.lib.errors import Blocked, Conflict, Refusal
from tenants.models import Tenant
from tests.compliance.certificates.made import issued_row
from tests.erasing.made import act, put, row
from tests.erasing.test_doors import console
from tests.erasure.run.test_kept_objects import RULE

pytestmark = pytest.mark.django_db
OBJECTS, WIDE, NARROW = "objects-ap-south-1", "users/*/", "users/*/invoices/"


@pytest.fixture
def done(notes: Tenant) -> ErasureRequest:
    """A whole tenant was erased two years ago."""
    root = issued_row(notes.pk, notes.business_unit_id, f"erasure:{notes.pk}")
    received = now() - timedelta(days=730)
    made = put(row(notes, "completed", "tenant"), "completed", certificate_id=root.pk, received_at=received)
    SubjectKey.objects.filter(request=made).delete()
    return made


def owes(done: ErasureRequest, part: str, days: int, rule: str = "RET-TAX", **more: Any) -> Obligation:
    """A part of its objects that is kept for so many days still."""
    until = now().date() + timedelta(days=days)
    kept = {"rule": rule, "system": OBJECTS, "category": part.split("/")[-2].replace("*", "all"), "until": until}
    Exemption.objects.create(request=done, part=part, ground="A law", **kept)
    said = {"system": OBJECTS, "due_on": until, "owed": f"{part} of {rule}", "part": part, **more}
    return Obligation.objects.create(request=done, **said)


def erase(owed: Obligation) -> ErasureRequest:
    return actions.erase_part(owed.pk, actor=act("farah"), reason="Its day has come.")


def beside(made: ErasureRequest) -> list[tuple[str, str]]:
    return list(made.exemptions.values_list("system", "part"))


def test_what_lies_within_it_and_is_kept_longer_is_left_out_and_signed_so(done: ErasureRequest) -> None:
    wide, narrow = owes(done, WIDE, 0), owes(done, NARROW, 300)
    made = erase(wide)
    assert (made.state, made.settles, made.kind) == ("awaiting_approval", wide, "tenant")
    assert beside(made) == [(OBJECTS, NARROW)] and list(made.systems.values_list("system", flat=True)) == ["objects"]
    assert made.export_settled == done.export_settled and not made.awaits_export
    with pytest.raises(Blocked, match="A law keeps it until"):
        erase(narrow)


def test_on_the_page_compliance_asks_for_it_and_nobody_else(done: ErasureRequest) -> None:
    found = owes(done, NARROW, 0)
    page, said = f"/obligations/{found.pk}/", {"verb": "erase_part", "reason": "Its day has come."}
    assert "do/erase_part/" in console("farah").get(page).content.decode()
    assert "do/erase_part/" not in console("vikram").get(page).content.decode()
    assert console("vikram").post(f"{page}do/erase_part/", said).status_code == 403
    assert console("farah").post(f"{page}do/erase_part/", said).status_code == 302
    assert found.erasures.get().state == "awaiting_approval"


def test_what_a_wider_part_keeps_is_not_erased_and_where_both_are_due_each_goes(done: ErasureRequest) -> None:
    narrow, wide = owes(done, NARROW, -1), owes(done, WIDE, 1)
    with pytest.raises(Blocked, match=r"RET-TAX keeps users/\*/ of objects"):
        erase(narrow)
    Obligation.objects.filter(pk=wide.pk).update(due_on=now().date())
    assert beside(erase(narrow)) == []


def test_a_rule_in_force_keeps_as_long_as_it_says_from_the_day_it_was_asked(done: ErasureRequest) -> None:
    found = owes(done, NARROW, -1)
    rules.add_rule("RET-MORE", actor=act("farah"), reason="The law was changed.", **{**RULE, "days": 731})
    with pytest.raises(Blocked, match="RET-MORE keeps"):
        erase(found)
    rules.edit_rule("RET-MORE", actor=act("farah"), reason="It was changed back.", days=729)
    assert erase(found).state == "awaiting_approval"


def test_two_parts_of_one_rule_are_not_taken_for_one(done: ErasureRequest) -> None:
    found = owes(done, "users/", 0)
    owes(done, NARROW, 40)
    rules.add_rule("RET-TAX", actor=act("farah"), reason="By law.", **{**RULE, "part": "users/*/tax/", "days": 2000})
    with pytest.raises(Blocked, match="as well as"):
        erase(found)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"part": ""}, "not-kept"),
        ({"state": "lapsed", "settled_at": now()}, "wrong-state"),
        ({"due_on": now().date() + timedelta(days=9)}, None),
        ({"system": "cache-nowhere"}, None),
    ],
)
def test_what_is_not_due_is_not_asked_for(done: ErasureRequest, change: dict[str, Any], code: str | None) -> None:
    found = owes(done, NARROW, 0)
    Obligation.objects.filter(pk=found.pk).update(**change)
    with pytest.raises(Refusal) as refused:
        erase(found)
    assert refused.value.code == code if code else isinstance(refused.value, Blocked)
    assert not ErasureRequest.objects.filter(settles=found).exists()


def test_without_a_certificate_that_stands_all_of_it_has_to_be_erased_again(done: ErasureRequest) -> None:
    found = owes(done, NARROW, 0)
    certificates.revoke(Certificate.objects.get().pk, actor=act("farah"), reason="Something was found.")
    with pytest.raises(Conflict, match="have all of it erased again"):
        erase(found)
