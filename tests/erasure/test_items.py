"""What is to go is written down whole, once, in order, and by the worker whose turn it is."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from lifecycle.erasure.engine import items
from lifecycle.erasure.engine.target import RESOURCE, Target
from lifecycle.stores.errors import Permanent
from lifecycle.stores.postgres import fences
from tests.erasure.made import Settled

MANY = [f"bucket/key {n}?version=\\t'{n}" for n in range(12_000)]


def failing() -> Iterator[str]:
    yield from MANY[:6_000]
    raise ConnectionError


def test_ids_come_back_in_order_and_are_forgotten(settled: Settled) -> None:
    region, target = settled.region, settled.target()
    assert items.count(region, target.request_id, "objects") is None
    assert items.put(region, target, "objects", MANY) == len(MANY)
    assert items.put(region, target, "cache", []) == 0
    assert list(items.each(region, target.request_id, "objects")) == MANY
    assert items.count(region, target.request_id, "cache") == 0
    items.forget(region, target.request_id)
    assert not list(items.each(region, target.request_id, "objects"))
    assert items.read(region, target.request_id, "objects") is None


def test_a_list_that_was_cut_short_is_not_whole_and_is_written_anew(settled: Settled) -> None:
    region, target = settled.region, settled.target()
    with pytest.raises(ConnectionError):
        items.put(region, target, "objects", failing())
    assert items.count(region, target.request_id, "objects") is None
    assert items.put(region, target, "objects", MANY[100:]) == len(MANY) - 100
    assert list(items.each(region, target.request_id, "objects")) == MANY[100:]
    assert items.put(region, target, "objects", failing()) == len(MANY) - 100, "a whole list stays"


def test_a_worker_that_was_overtaken_writes_no_list(settled: Settled) -> None:
    target = settled.target()
    fences.raise_job_epoch(settled.region, settled.id, RESOURCE, 2)
    with pytest.raises(Permanent, match="the store is at 2, this job at 1"):
        items.put(settled.region, target, "objects", MANY)
    assert items.read(settled.region, target.request_id, "objects") is None


def test_a_request_has_one_tenant(settled: Settled, neighbour: Settled) -> None:
    target = settled.target()
    items.begin(settled.region, target, "objects")
    neighbour.target()
    with pytest.raises(Permanent, match="another tenant's"):
        items.begin(settled.region, Target(target.request_id, neighbour.names, "tenant", 1), "objects")
    assert items.read(settled.region, uuid4(), "objects") is None
