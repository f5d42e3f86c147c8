"""Erasers and the eyes that know nothing of them: what the one lists and removes, the other counts and then misses."""

from uuid import uuid4

import pytest

from compliance.verifiers import verifier_of
from compliance.verifiers.looking import Answer, Question
from lifecycle.erasure.engine.cache import Cache
from lifecycle.erasure.engine.logs import Logs
from lifecycle.erasure.engine.objects import Objects
from lifecycle.erasure.engine.target import Eraser, Target
from lifecycle.stores.cache import keys as cache_keys
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Region
from ragplatform.cache import TenantCache

from .engine import listed, person, target
from .test_logs import write
from .test_objects import document, hide, left, put


def looked(region: Region, eraser: Eraser, of: Target) -> Answer:
    return verifier_of(eraser.system).look(
        Question(region, of.tenant_id, of.names.name, of.kind, of.request_id, of.user_id, of.documents)
    )


@pytest.mark.parametrize("kind", ["tenant", "person"])
def test_what_was_counted_is_missed(region: Region, tenant: TenantNames, kind: str) -> None:
    user, owned = uuid4(), uuid4()
    cache = TenantCache(connection(region), tenant.cache_prefix, 1)
    cache.open_session("aa", user, 600)
    cache.remember(cache.answer("asked")[0], [(owned, 0, 0.5)])
    connection(region).hset(f"{tenant.cache_prefix}shared", mapping={str(user): "1", "other": "2"})
    hide(region, tenant, document(owned, user))
    put(region, tenant, f"users/{user}/avatar", document(uuid4()))
    write(region, tenant, "platform/one")
    of = target(region, tenant) if kind == "tenant" else person(region, tenant, user, owned)
    for eraser in (Objects(region), Cache(region), Logs(region)):
        number = len(listed(region, eraser, of))
        before = looked(region, eraser, of)
        assert before.is_checked and before.found == number - (kind == "tenant" and eraser.system == "logs")
        assert eraser.erase(of, lambda _: None) == number
        eraser.settle(of)
        after = looked(region, eraser, of)
        assert (after.found, after.listed, after.why) == (0, 0, "")
    assert len(left(region, tenant)) == (0 if kind == "tenant" else 1)
    cache_keys.remove(region, tenant.cache_prefix)
