"""What a plan is made of: the weight of rows, the rate of change, and the room that is left, as measured."""

from dataclasses import replace
from datetime import timedelta

from botocore.stub import Stubber

from lifecycle.migration.probe import CHUNK, probe
from lifecycle.stores import aws
from lifecycle.stores.postgres import volume
from portal.lib.clock import now
from portal.lib.regions import Region

from .conftest import World


def test_rows_are_weighed_as_they_travel_and_counted_as_they_change(world: World) -> None:
    world.fill(CHUNK * 2, chunks=1)
    found = probe(world.blue, world.id)
    assert found.rows == sum(map(len, world.everything(world.blue).values()))
    vectors = CHUNK * 2 * (256 * 4 + 16 + 16 + 4)
    assert vectors < found.bytes.low <= found.bytes.expected <= found.bytes.high < 2 * vectors
    assert found.rows_a_second and found.rows_a_second > 0
    assert found.changes_a_second and abs(found.changes_a_second * 600 - found.rows) < 1, "all of it is younger"


def test_a_tenant_without_rows_weighs_nothing_and_does_not_change(world: World) -> None:
    found = probe(world.blue, world.id)
    assert (found.rows, found.bytes.high, found.rows_a_second, found.changes_a_second) == (0, 0.0, None, 0.0)


def test_room_is_read_from_the_volume_or_from_cloudwatch_and_is_else_not_known(sides: tuple[Region, Region]) -> None:
    region = sides[0]
    assert (volume.free_bytes(region) or 0) > 0
    nowhere = replace(region, database=replace(region.database, directory=""))
    assert volume.free_bytes(nowhere) is None
    instance = replace(nowhere, database=replace(nowhere.database, instance="rag-ireland"))
    at = now()
    points = [{"Timestamp": at - timedelta(minutes=n), "Minimum": 5e9 + n} for n in (3, 1, 2)]
    with Stubber(aws.client(instance, "cloudwatch")) as cloudwatch:
        for found in ([], points):
            cloudwatch.add_response("get_metric_statistics", {"Datapoints": found})
        assert volume.free_bytes(instance) is None, "CloudWatch has said nothing"
        assert volume.free_bytes(instance) == 5_000_000_001
