"""Absurd queries and bodies at every list, page and door: a clear 4xx or an ordinary answer, never a 5xx."""

import json
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from portal.access.models import User
from tests.access.test_reach_of_credentials import credential
from tests.admin.world import build
from tests.lifecycle.test_bad_input_elsewhere import refused, writing_doors

QUERIES = {
    "a NUL in a search": "search=%00",
    "bytes that are no text": "search=%ff%fe",
    "half a surrogate": "search=%ed%a0%80",
    "a very long search": "search=" + "x" * 6000,
    "page 0": "page=0",
    "page -1": "page=-1",
    "a page beyond all": "page=99999999999999999999999999",
    "a page in words": "page=last-but-one",
    "a page size in words": "page_size=many",
    "a huge page size": "page_size=10000000",
    "a page size below zero": "page_size=-5",
    "an unknown filter": "colour=teal",
    "a look through a relation": "user__password__startswith=a",
    "an order by a secret": "ordering=user__password",
    "an order with a NUL": "ordering=%00",
    "a format": "format=xml",
    "a name that is text of code": "__class__=x",
    "thousands of parameters": "&".join(f"a{number}=" for number in range(2000)),
    "brackets": "a[]=1&a[b]=2",
    "nothing but signs": "&&==&;;%%%",
}
MUST_REFUSE = {
    "a NUL in a search", "page 0", "page -1", "a page beyond all", "a page in words", "an unknown filter",
    "a look through a relation", "thousands of parameters", "brackets",
}  # fmt: skip


def lists() -> list[str]:
    from portal.api_urls import router

    found = [(prefix, viewset) for prefix, viewset, _ in router.registry if hasattr(viewset, "list")]  # or one document
    return [f"/api/v1/{prefix}/" for prefix, viewset in found if getattr(viewset, "pagination_class", None)]


def test_absurd_queries_at_every_list(api: Any) -> None:
    build()
    client = api("priya")
    for url in lists():
        for name, query in QUERIES.items():
            answer = client.generic("GET", url, QUERY_STRING=query)
            assert answer.status_code < 500, (url, name)
            if name in MUST_REFUSE:
                assert answer.status_code >= 400, (url, name, answer.status_code)
            if answer.status_code >= 400:
                refused(answer)


DATES = {
    "an offset no clock has": "2026-01-01T00:00:00%2B23:59",
    "the year 1 east of here": "0001-01-01T00:00:00%2B05:30",
    "the year 9999 west of here": "9999-12-31T23:59:59-05:30",
    "no date": "yesterday",
    "a number": "1e999",
}


@pytest.mark.parametrize("instant", DATES.values(), ids=list(DATES))
@pytest.mark.parametrize("at", ["/api/v1/audit/entries/?since=", "/api/v1/jobs/?created_after="])
def test_instants_that_no_database_knows(api: Any, at: str, instant: str) -> None:
    assert api("priya").get(at + instant).status_code in (200, 422)


def test_absurd_queries_at_every_page(shipped: None) -> None:
    build()
    page = Client()
    page.force_login(User.objects.get(username="priya"))
    renamed = {"page": "p", "ordering": "o", "search": "q"}
    for governed in admin.site.governed():  # type: ignore[attr-defined]
        url = reverse(f"admin:{governed.opts.app_label}_{governed.opts.model_name}_changelist")
        for name, query in QUERIES.items():
            first, _, rest = query.partition("=")
            answer = page.generic("GET", url, QUERY_STRING=f"{renamed.get(first, first)}={rest}")
            assert answer.status_code < 500, (url, name)


BODIES: dict[str, tuple[bytes, int]] = {
    "a million characters": (json.dumps({"reason": "x" * 1_000_000}).encode(), 413),
    "two million": (json.dumps({"reason": "x" * 2_000_000}).encode(), 413),
    "lists in lists": (b"[" * 100_000 + b"]" * 100_000, 400),
    "objects in objects": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 400),
    "a number of many digits": (b'{"reason": ' + b"9" * 100_000 + b"}", 400),
    "an exponent beyond all": (b'{"reason": 1e999999}', 422),
    "NaN": (b'{"reason": NaN}', 400),
    "a NUL": (b'{"reason": "a\\u0000b"}', 400),
    "a raw NUL": (b'{"reason": "a\x00b"}', 400),
    "not UTF-8": (b'{"reason": "\xff\xfe"}', 400),
    "UTF-16": ('{"reason": "x"}'.encode("utf-16"), 400),
    "a key twice": (b'{"reason": "a", "reason": "b"}', 400),
    "half a pair": (b'{"reason": "\\ud800"}', 400),
    "nothing": (b"", 422),
    "half of it": (b'{"reason": "x', 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_absurd_bodies_at_every_door_that_writes(api: Any, name: str) -> None:
    raw, status = BODIES[name]
    client = api("priya")
    places = dict.fromkeys(("pk", "question", "route"), "00000000-0000-7000-8000-000000000000")
    for method, url in sorted(set(writing_doors())):
        address = url.format(**places, rule_id="APR-010")
        answer = client.generic(method.upper(), address, raw, content_type="application/json")
        if url.endswith("/read-all/") or method == "delete":
            assert answer.status_code < 500, (url, name)
            continue
        problem = refused(answer)
        # who asks for what is absent, or not theirs, may be told so before the body is read
        assert problem["status"] in (status, 403, 404) or (status == 422 and problem["status"] == 400), (url, problem)


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "x"]
)
def test_only_json_is_read(shipped: None, kind: str) -> None:
    answer = APIClient().generic("POST", "/api/v1/auth/token", b"username=meera&password=x", content_type=kind)
    refused(answer, 415)


def test_headers_of_every_kind(api: Any, bearing: Any, meera: User) -> None:
    client = api("meera")
    for name, value in {
        "Idempotency-Key": "x" * 5000,
        "If-None-Match": "\xff" * 2000,
        "Accept-Language": "xx-" + "y" * 3000,
        "Accept": "application/" + "z" * 3000,
        "Referer": "\x01",
        "Range": "bytes=0-99999999999999999999",
        "X-HTTP-Method-Override": "DELETE",
        "Cookie": "sessionid=" + "\xff" * 100,
    }.items():
        assert client.get("/api/v1/me", headers={name: value}).status_code < 500, name
    assert bearing(credential(meera, "request.read") + "\xff").get("/api/v1/me").status_code == 401
