"""The discipline of flags: an owner, a purpose, an end, at most fifty, steps, one level of relations."""

from datetime import timedelta
from typing import Any

import pytest

from portal.access.actor import Actor
from portal.access.models import User
from portal.jobs.outbox import deliver_due
from portal.lib.errors import Absent, Conflict, Invalid, NotAllowed
from portal.notify.models import Notice
from tenants.flags import actions
from tenants.flags.models import Flag, Override, today
from tenants.flags.queries import answers_for, features_of, flags_of
from tenants.models import Tenant
from tests.admin.world import tenant

from .made import admin, ended, flag, kill_switch, on_for, rolled_out

pytestmark = pytest.mark.django_db


def of(one: Tenant, key: str) -> tuple[Any, str]:
    found = flags_of([one])[one.pk][key]
    return found["value"], found["reason"]


def test_a_flag_ends_within_ninety_days(shipped: None) -> None:
    assert flag("usual-end").expires_on == today() + timedelta(days=90)
    for days in (91, -1):
        with pytest.raises(Invalid, match="what stays longer is configuration"):
            flag(f"days-{abs(days)}", expires_on=today() + timedelta(days=days))
    short = flag("short", expires_on=today() + timedelta(days=5))
    moved = actions.change(short.key, actor=admin(), reason="slower", expires_on=today() + timedelta(days=90))
    assert moved.expires_on == today() + timedelta(days=90)
    with pytest.raises(Invalid):
        actions.change(short.key, actor=admin(), reason="slower", expires_on=today() + timedelta(days=91))


def test_a_kill_switch_has_no_end_and_says_what_it_takes_away(shipped: None) -> None:
    assert kill_switch().expires_on is None
    with pytest.raises(Invalid) as refused:
        flag("silent", kind="kill_switch")
    assert set(refused.value.fields) == {"consequence"}
    with pytest.raises(Invalid):
        actions.change("answers", actor=admin(), reason="x", expires_on=today())


def test_at_most_fifty_are_active_and_kill_switches_do_not_count(shipped: None) -> None:
    for number in range(50):
        flag(f"flag-{number:02}")
    kill_switch()
    with pytest.raises(Conflict, match="50 flags are active") as refused:
        flag("one-more")
    assert refused.value.code == "too-many-flags"
    actions.archive("flag-07", actor=admin(), reason="done")
    assert flag("one-more").key == "one-more"


@pytest.mark.parametrize(
    "wrong",
    [
        {"variants": {"on": True}},
        {"variants": {"on": True, "off": 1}},
        {"variants": {"On": True, "off": False}},
        {"type": "number", "variants": {"off": 0, "on": float("inf")}},
        {"type": "number", "variants": {"off": 0, "on": True}},
        {"type": "object", "variants": {"off": {}, "on": {"deep": [float("nan")]}}},
        {"type": "string", "variants": {"off": "", "on": "x" * 5000}},
        {"off_variant": "none"},
        {"default_variant": "none"},
        {"rollout_variant": "none"},
        {"key": "Shouting"},
        {"key": "export"},
    ],
)
def test_a_flag_of_another_shape_is_not_made(shipped: None, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        flag(**wrong)
    assert not Flag.objects.exists()


def test_the_owner_is_a_person_who_can_sign_in(shipped: None) -> None:
    service = User.objects.create_user("svc", is_service=True)
    with pytest.raises(Invalid, match="owner"):
        flag(owner=service)


def test_only_engineers_write_and_nobody_without_a_reason(shipped: None) -> None:
    meera, kiran = (Actor.of_user(User.objects.get(username=name)) for name in ("meera", "kiran"))
    flag()
    with pytest.raises(NotAllowed):
        actions.switch_off("cite-sources", actor=meera, reason="no")
    with pytest.raises(Invalid, match="reason"):
        actions.switch_off("cite-sources", actor=kiran, reason=" ")
    with pytest.raises(Absent):
        actions.switch_off("nosuch", actor=kiran, reason="no")
    assert actions.switch_off("cite-sources", actor=kiran, reason="errors").is_off


def test_a_rollout_goes_by_steps_and_back_at_once(mine: Tenant, told: Any) -> None:
    flag()
    with pytest.raises(Conflict, match="next step is 10 %"):
        actions.set_rollout("cite-sources", actor=admin(), reason="all", tier="gold", percent=100)
    with pytest.raises(Invalid):
        actions.set_rollout("cite-sources", actor=admin(), reason="x", tier="gold", percent=11)
    with pytest.raises(Invalid, match="no such tier"):
        actions.set_rollout("cite-sources", actor=admin(), reason="x", tier="tin", percent=10)
    rolled_out("cite-sources", "gold", 100)
    assert of(mine, "cite-sources") == (True, "SPLIT")
    actions.set_rollout("cite-sources", actor=admin(), reason="errors", tier="gold", percent=0)
    assert of(mine, "cite-sources") == (False, "STATIC")
    assert told("flags.changed")[-1] == {"flag": "cite-sources", "tenant_ids": [str(mine.pk)]}


def test_an_override_beats_its_tier_and_its_tier_the_default(mine: Tenant, foreign: Tenant, told: Any) -> None:
    flag()
    actions.set_default("cite-sources", actor=admin(), reason="gold pays", tier="gold", variant="on")
    assert of(mine, "cite-sources") == (True, "TARGETING_MATCH")
    on_for("cite-sources", mine, "off")
    assert (of(mine, "cite-sources"), of(foreign, "cite-sources")[0]) == ((False, "TARGETING_MATCH"), True)
    assert told("flags.changed")[-1]["tenant_ids"] == [str(mine.pk)]
    actions.remove_override("cite-sources", actor=admin(), reason="settled", tenant_id=mine.pk)
    assert of(mine, "cite-sources")[0] is True
    with pytest.raises(Absent):
        actions.remove_override("cite-sources", actor=admin(), reason="again", tenant_id=mine.pk)


def test_a_flag_that_has_ended_gives_what_it_gave_and_takes_nothing_new(mine: Tenant, foreign: Tenant) -> None:
    found = flag()
    rolled_out("cite-sources", "gold", 10)
    on_for("cite-sources", mine)
    flag("other")
    before = {pk: one["cite-sources"]["value"] for pk, one in flags_of([mine, foreign]).items()}
    ended(found)
    assert {pk: one["cite-sources"]["value"] for pk, one in flags_of([mine, foreign]).items()} == before
    assert of(mine, "cite-sources") == (True, "STALE")
    new_uses = [
        lambda: on_for("cite-sources", foreign),
        lambda: actions.set_rollout("cite-sources", actor=admin(), reason="x", tier="gold", percent=50),
        lambda: actions.set_default("cite-sources", actor=admin(), reason="x", tier="gold", variant="on"),
        lambda: actions.set_default("cite-sources", actor=admin(), reason="x", variant="on"),
        lambda: actions.relate("other", actor=admin(), reason="x", other="cite-sources", word="needs"),
    ]
    for use in new_uses:
        with pytest.raises(Conflict, match="move it to the tier configuration") as refused:
            use()
        assert refused.value.code == "flag-ended"
    actions.set_rollout("cite-sources", actor=admin(), reason="back", tier="gold", percent=0)
    actions.remove_override("cite-sources", actor=admin(), reason="back", tenant_id=mine.pk)
    actions.switch_off("cite-sources", actor=admin(), reason="errors")


def test_its_end_is_told_once(shipped: None, told: Any) -> None:
    ended(flag())
    flag("lives-on")
    assert (actions.note_ends(), actions.note_ends()) == (1, 0)
    assert [one["flag"] for one in told("flag.ended")] == ["cite-sources"]
    assert told("flags.changed")[-1] == {"flag": "cite-sources", "tenant_ids": None}


def test_owners_and_administrators_hear_of_an_end_and_of_a_switch(shipped: None) -> None:
    ended(flag())
    kill_switch()
    actions.note_ends()
    actions.switch_off("answers", actor=admin(), reason="wrong answers")
    while deliver_due():
        pass
    heard = {(one.user.username, one.event) for one in Notice.objects.select_related("user")}
    assert heard == {(name, event) for name in ("kiran", "priya") for event in ("flag.ended", "flag.switched")}


def test_relations_go_one_level_deep(shipped: None) -> None:
    for key in ("cites", "storage", "disks"):
        flag(key)
    relate = {"actor": admin(), "reason": "x", "word": "needs"}
    actions.relate("cites", other="storage", **relate)
    for key, other in (("storage", "disks"), ("disks", "cites"), ("storage", "cites")):
        with pytest.raises(Conflict, match="one level deep"):
            actions.relate(key, other=other, **relate)
    with pytest.raises(Invalid):
        actions.relate("cites", other="cites", **relate)
    with pytest.raises(Conflict, match="Needed by cites"):
        actions.archive("storage", actor=admin(), reason="done")
    actions.archive("cites", actor=admin(), reason="done")
    actions.archive("storage", actor=admin(), reason="done")


def test_what_a_flag_needs_must_be_on_before_it_is_turned_on_for_a_tenant(mine: Tenant) -> None:
    flag("cites"), flag("storage")
    actions.relate("cites", actor=admin(), reason="x", other="storage", word="needs")
    with pytest.raises(Conflict, match="needs storage, which is off for finance-notes"):
        on_for("cites", mine)
    on_for("storage", mine)
    on_for("cites", mine)
    assert of(mine, "cites") == (True, "TARGETING_MATCH")
    actions.switch_off("storage", actor=admin(), reason="errors")
    answer = answers_for([mine])[mine.pk]["cites"]
    assert (answer.value, answer.reason, answer.because, answer.about) == (False, "DISABLED", "needs", "storage")


def test_two_flags_that_exclude_each_other_are_never_both_asked_for(mine: Tenant, foreign: Tenant) -> None:
    flag("ranker-2"), flag("ranker-3")
    on_for("ranker-2", mine)
    actions.relate("ranker-3", actor=admin(), reason="x", other="ranker-2", word="excludes")
    with pytest.raises(Conflict, match=r"1 tenants \(finance-notes\)") as refused:
        on_for("ranker-3", mine)
    assert refused.value.code == "flags-clash" and not Override.objects.filter(flag="ranker-3").exists()
    on_for("ranker-3", foreign)
    with pytest.raises(Conflict, match="hr-notes"):
        actions.set_default("ranker-2", actor=admin(), reason="x", tier="gold", variant="on")


def test_an_archived_flag_is_in_no_set_and_its_key_is_gone_for_good(mine: Tenant) -> None:
    flag()
    actions.archive("cite-sources", actor=admin(), reason="done")
    assert flags_of([mine]) == {mine.pk: {}}
    with pytest.raises(Conflict, match="not used again"):
        flag()
    with pytest.raises(Conflict) as refused:
        on_for("cite-sources", mine)
    assert refused.value.code == "flag-archived"


def test_sets_of_many_tenants_take_one_query(mine: Tenant, django_assert_num_queries: Any) -> None:
    many = [mine, *(tenant(f"many-{number}", "FIN", "meera") for number in range(20))]
    flag(), kill_switch()
    on_for("cite-sources", mine)
    with django_assert_num_queries(1):
        found = flags_of(many)
    assert len(found) == 21 and found[mine.pk] == {
        "answers": {"value": True, "variant": "on", "reason": "STATIC"},
        "cite-sources": {"value": True, "variant": "on", "reason": "TARGETING_MATCH"},
    }


def test_what_a_tier_includes_is_data(mine: Tenant, told: Any) -> None:
    words = {"title": "Own prompts", "says": "Your people write the prompt."}
    actions.set_feature(actor=admin(), reason="sold", code="own-prompts", tiers=["gold", "platinum"], **words)
    assert features_of([mine]) == {mine.pk: ["own-prompts", "semantic-reranking"]}
    actions.set_feature(actor=admin(), reason="dearer", code="own-prompts", tiers=["platinum"], **words)
    assert features_of([mine]) == {mine.pk: ["semantic-reranking"]}
    assert told("flags.changed")[-1]["tenant_ids"] == [str(mine.pk)]


def test_a_month_is_reviewed_once_and_stays_as_it_was_found(shipped: None) -> None:
    ended(flag())
    found = actions.review(actor=admin(), reason="one to move")
    assert found.findings["ended"] == ["cite-sources"]
    with pytest.raises(Conflict, match="reviewed already"):
        actions.review(actor=admin(), reason="again")
