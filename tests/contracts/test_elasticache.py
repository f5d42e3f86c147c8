"""A region whose cache is an ElastiCache: the same contract as with a server that makes its users itself.

Met: the calls' names and types as the SDK has them, a real Redis behind a double of the API, and moto for the three
calls that it knows. Never met: ElastiCache itself, its TLS, its IAM, its quotas.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode
from uuid import uuid4

import pytest
import redis
from moto import mock_aws

from lifecycle.stores.cache import keys, service, users
from lifecycle.stores.cache.connection import connection
from lifecycle.stores.cache.tokens import Tokens
from lifecycle.stores.errors import StoreError
from lifecycle.stores.names import TenantNames
from portal.lib.regions import Aws, Cache, Region
from tests.contracts import elasticache_double as double
from tests.contracts import tenants
from tests.contracts.test_cache_and_logs import confined, login


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[double.Double]:
    monkeypatch.setattr(service, "PAUSE", 0.01)  # the double is quicker than AWS
    made = double.Double(tmp_path)
    yield made
    made.close()


@pytest.fixture
def there(region: Region, served: double.Double) -> Region:
    cache = Cache("127.0.0.1", served.cache_port, double.SECRET, double.ADMINISTRATOR, user_group=double.GROUP)
    return replace(region, cache=cache, aws=Aws(served.url, "key", "secret"))


@pytest.fixture
def mine(there: Region) -> TenantNames:
    found = tenants.names(there)
    users.ensure(there, user=found.cache_user, prefix=found.cache_prefix)
    return found


def test_the_server_itself_refuses_to_make_a_user(there: Region) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        connection(there).execute_command("ACL", "SETUSER", "anybody", "on")


def test_a_user_of_the_group_reaches_its_own_keys_only(there: Region, mine: TenantNames) -> None:
    state = users.read(there, mine.cache_user)
    assert state and not state.is_on and state.passwords == 0 and state.keys == (f"{mine.cache_prefix}*",)
    assert state.channels == state.keys
    with pytest.raises(redis.AuthenticationError):
        login(there, mine, "").ping()
    users.set_password(there, mine.cache_user, "secret-of-sixteen")
    confined(there, mine, "secret-of-sixteen")
    assert users.tenants(there) == [mine.tenant_id]


def test_ensuring_again_keeps_the_password_and_puts_the_rules_right(
    there: Region, mine: TenantNames, served: double.Double
) -> None:
    users.set_password(there, mine.cache_user, "secret-of-sixteen")
    before = users.read(there, mine.cache_user)
    asked = len([one for one in served.calls if one != "DescribeUsers"])
    assert users.ensure(there, user=mine.cache_user, prefix=mine.cache_prefix) == before
    assert len([one for one in served.calls if one != "DescribeUsers"]) == asked, "what is right is not changed"
    service._change(there, mine.cache_user, AccessString="on ~* +@all")
    changed = users.read(there, mine.cache_user)
    assert before and changed and changed.rules != before.rules
    assert users.ensure(there, user=mine.cache_user, prefix=mine.cache_prefix) == before
    assert login(there, mine, "secret-of-sixteen").ping()


def test_kept_out_and_let_in_again_with_its_password_and_removed(there: Region, mine: TenantNames) -> None:
    users.set_password(there, mine.cache_user, "secret-of-sixteen")
    open_one = login(there, mine, "secret-of-sixteen")
    assert open_one.set(f"{mine.cache_prefix}a", 1)
    out = users.let_in(there, mine.cache_user, False)
    assert out and not out.is_on
    with pytest.raises(redis.ConnectionError):
        open_one.ping()
    back = users.let_in(there, mine.cache_user, True)
    assert back and back.is_on and back.passwords == 1 and login(there, mine, "secret-of-sixteen").ping()
    users.switch_off(there, mine.cache_user)
    users.let_in(there, mine.cache_user, True)
    with pytest.raises(redis.AuthenticationError):
        login(there, mine, "secret-of-sixteen").ping()
    assert keys.count(there, mine.cache_prefix) == 1, "the administrator sees and may remove what is there"
    assert users.remove(there, mine.cache_user) and not users.remove(there, mine.cache_user)
    assert users.read(there, mine.cache_user) is None and users.tenants(there) == []
    assert users.let_in(there, mine.cache_user, False) is None


def test_moto_knows_the_user_and_not_its_group(region: Region) -> None:
    """Where moto can: the user is made off, told as made, and deleted. It knows no group to put it in."""
    aws = Aws("", "testing", "testing")
    there = replace(region, cache=replace(region.cache, user_group=double.GROUP), aws=aws)
    found = tenants.names(there)
    with mock_aws():
        with pytest.raises(NotImplementedError, match="describe_user_groups"):
            users.ensure(there, user=found.cache_user, prefix=found.cache_prefix)
        state = users.read(there, found.cache_user)
        assert state and not state.is_on and state.keys == (f"{found.cache_prefix}*",)
        assert users.tenants(there) == []
        assert users.remove(there, found.cache_user) and users.read(there, found.cache_user) is None


def test_a_login_by_iam_is_a_request_signed_for_fifteen_minutes() -> None:
    """The signature is made again here, by AWS's own description of it (Signature Version 4, query string)."""
    user, token = Tokens("portal", "bailiwick-prod", "ap-south-1", Aws("", "AKID", "the-secret")).get_credentials()
    where, _, query = token.partition("?")
    said = {name: values[0] for name, values in parse_qs(query).items()}
    assert (user, where) == ("portal", "bailiwick-prod/")
    assert (said["Action"], said["User"], said["X-Amz-Expires"]) == ("connect", "portal", "900")
    scope = said["X-Amz-Credential"].removeprefix("AKID/")
    day, region, name, _ = scope.split("/")
    assert (region, name) == ("ap-south-1", "elasticache")
    signature = said.pop("X-Amz-Signature")
    canonical = urlencode(sorted(said.items()), quote_via=quote, safe="-_.~")
    nothing = hashlib.sha256(b"").hexdigest()
    request = "\n".join(["GET", "/", canonical, "host:bailiwick-prod", "", "host", nothing])
    text = "\n".join(["AWS4-HMAC-SHA256", said["X-Amz-Date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4the-secret"
    for part in (day, region, name, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    assert signature == hmac.new(key, text.encode(), "sha256").hexdigest()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"iam_name": "bailiwick-prod", "tls": True}, "needs `user`"),
        ({"iam_name": "bailiwick-prod", "user": "portal"}, "over TLS alone"),
        ({"admin_password": "x", "engine": "memcached"}, "valkey or redis"),
    ],
)
def test_a_login_that_cannot_be_is_refused(entry: dict[str, str | bool], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Cache(host="cache", port=6379, **entry)  # type: ignore[arg-type]


def test_a_user_in_the_middle_of_a_change_is_waited_for_and_not_for_ever(
    there: Region, mine: TenantNames, served: double.Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PATIENCE", 0.1)
    monkeypatch.setattr(served, "_settle", lambda user_id: None)
    served.users[mine.cache_user]["Status"] = "modifying"
    with pytest.raises(StoreError, match="still being changed") as refused:
        users.set_password(there, mine.cache_user, f"secret-{uuid4()}")
    assert getattr(refused.value, "is_transient", False)
