"""flagd's own evaluator gives every tenant the value that we give, from the exported document alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from openfeature import api as openfeature
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext

from tenants.flags import actions
from tenants.flags.flagd import document
from tenants.flags.queries import flags_of
from tests.admin.world import tenant

from .made import admin, ended, flag, kill_switch, on_for, rolled_out


@pytest.mark.django_db
def test_it_gives_what_we_give(shipped: None, tmp_path: Path, django_assert_max_num_queries: Any) -> None:
    tenants = [tenant(f"many-{at}x", "FIN", "meera") for at in range(30)]
    for at, one in enumerate(tenants):
        one.tier_id = ("gold", "silver", "bronze")[at % 3]
        one.save()
    found = flag("cite-sources")
    rolled_out("cite-sources", "gold", 50)
    rolled_out("cite-sources", "silver", 10)
    on_for("cite-sources", tenants[2])
    flag("tone", type="string", variants={"off": "plain", "kind": "kind", "firm": "firm"}, rollout_variant="kind")
    actions.set_default("tone", actor=admin(), reason="x", tier="silver", variant="firm")
    flag("needs-answers")
    kill_switch()
    actions.relate("needs-answers", actor=admin(), reason="x", other="answers", word="needs")
    on_for("needs-answers", tenants[0])
    flag("broken")
    on_for("broken", tenants[0])
    actions.switch_off("broken", actor=admin(), reason="errors")
    ended(found)
    with django_assert_max_num_queries(2):
        exported = document()
    path = tmp_path / "flags.json"
    path.write_text(json.dumps(exported))
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(path))
    openfeature.set_provider_and_wait(provider)
    client = openfeature.get_client()
    ours = flags_of(tenants)
    seen = set()
    for one in tenants:
        context = EvaluationContext(targeting_key=str(one.pk))
        for key, given in ours[one.pk].items():
            ask = client.get_boolean_details if isinstance(given["value"], bool) else client.get_string_details
            theirs = ask(key, None, context)
            assert (theirs.value, theirs.variant) == (given["value"], given["variant"]), (one.name, key)
            seen.add((key, given["variant"]))
    openfeature.shutdown()
    assert {("cite-sources", "on"), ("cite-sources", "off"), ("tone", "firm"), ("needs-answers", "on")} <= seen
