"""Weights are set in one step and read back, whatever stands before the platforms; what really happens is looked at."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from botocore.stub import ANY, Stubber

from lifecycle.migration.gates.verdict import Outcome
from lifecycle.migration.routing import Elbv2, Envoy, Intended, Route53, Served, Split, as_intended
from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent, StoreError, Transient
from portal.lib.regions import Region

LISTENER = "arn:aws:elasticloadbalancing:ap-south-1:000000000000:listener/app/rag/50dc6c495c0c9188/f2f7dc8efc522ab2"


@pytest.fixture
def elbv2(region: Region) -> Elbv2:
    client = aws.client(region, "elbv2")
    blue, green = (
        client.create_target_group(Name=f"t-{uuid4().hex[:8]}", Protocol="HTTP", Port=80)["TargetGroups"][0]
        for _ in range(2)
    )
    rule = client.create_rule(
        ListenerArn=LISTENER,
        Priority=10,
        Conditions=[{"Field": "host-header", "Values": ["acme.example.org"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": blue["TargetGroupArn"]}],
    )["Rules"][0]
    made = Elbv2(region, rule["RuleArn"], blue["TargetGroupArn"], green["TargetGroupArn"])
    stick(made, 3600)
    return made


def stick(split: Elbv2, seconds: int) -> None:
    """As somebody would who wants clients to stay where they are."""
    weighed = [{"TargetGroupArn": arn, "Weight": w} for arn, w in ((split.blue_arn, 100), (split.green_arn, 0))]
    sticky = {"Enabled": True, "DurationSeconds": seconds}
    forward = {"TargetGroups": weighed, "TargetGroupStickinessConfig": sticky}
    aws.client(split.region, "elbv2").modify_rule(
        RuleArn=split.rule_arn, Actions=[{"Type": "forward", "ForwardConfig": forward}]
    )


@pytest.fixture
def route53(region: Region) -> Route53:
    client = aws.client(region, "route53")
    zone = client.create_hosted_zone(Name="example.org", CallerReference=uuid4().hex)["HostedZone"]["Id"]
    made = Route53(region, zone.removeprefix("/hostedzone/"), "acme.example.org")
    records = [("blue", 100), ("green", 0)]
    made._upsert(*(
        {
            "Name": made.name, "Type": "CNAME", "SetIdentifier": colour, "Weight": weight, "TTL": 300,
            "ResourceRecords": [{"Value": f"{colour}.example.org"}],
        }
        for colour, weight in records
    ))  # fmt: skip
    return made


@pytest.fixture
def runtime() -> dict[str, str]:
    """The runtime of an Envoy, as its admin interface shows it."""
    return {"routing.acme.blue": "100", "routing.acme.green": "0"}


@pytest.fixture
def envoy(runtime: dict[str, str]) -> Iterator[Envoy]:
    class Admin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            entries = {key: {"final_value": value, "layer_values": [value]} for key, value in runtime.items()}
            counted = [
                {"name": f"cluster.{colour}.upstream_rq_total", "value": int(runtime.get(f"served {colour}", n))}
                for colour, n in (("blue", 9), ("green", 1))
            ]
            shown = {"/runtime": {"layers": ["admin"], "entries": entries}, "/stats": {"stats": counted}}
            self._say(200, json.dumps(shown[urlsplit(self.path).path]))

        def do_POST(self) -> None:
            if "no admin layer" in runtime:
                self._say(503, "No admin layer specified")
            else:
                runtime.update({} if "above" in runtime else dict(parse_qsl(urlsplit(self.path).query)))
                self._say(200, "OK\n")

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Admin)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Envoy(f"http://127.0.0.1:{server.server_address[1]}", "routing.acme", "blue", "green")
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["elbv2", "route53", "envoy"])
def split(request: pytest.FixtureRequest) -> Split:
    found: Split = request.getfixturevalue(request.param)
    return found


def test_reads_move_step_by_step_and_back(split: Split) -> None:
    assert split.read().green == 0
    for green in (10, 25, 50, 75, 100, 0):
        assert split.set(green).green == green == split.read().green


def test_what_led_to_a_side_goes_when_nobody_is_led_there(split: Split) -> None:
    split.set(90)
    with pytest.raises(Permanent, match="weight 10"):
        split.remove("blue")
    split.set(100)
    assert bool(split.stands("blue")) == (not isinstance(split, Envoy))
    for _ in range(2):
        split.remove("blue")
        assert split.stands("blue") == ""
    with pytest.raises(Permanent):
        split.remove("green")


def test_a_target_group_that_was_taken_out_is_weighed_again(elbv2: Elbv2) -> None:
    elbv2.set(100)
    elbv2.remove("blue")
    assert elbv2.read().green == 100 and elbv2.set(25).green == 25


def test_a_record_that_was_removed_is_made_again_where_it_is_said_to_lead(route53: Route53) -> None:
    route53.set(100)
    route53.remove("blue")
    with pytest.raises(Permanent, match="no blue_value"):
        route53.read()
    told = replace(route53, blue_value="blue.example.org")
    assert told.read() == Intended(100, ("resolvers keep an answer for 300 s",), 300)
    assert told.set(75).green == 75 == route53.read().green
    assert route53.stands("blue") == "CNAME to blue.example.org"


@pytest.mark.parametrize("green", [-1, 101])
def test_what_is_no_share_changes_nothing(split: Split, green: int) -> None:
    split.set(25)
    with pytest.raises(Permanent):
        split.set(green)
    assert split.read().green == 25


def test_stickiness_is_noticed_and_ended(elbv2: Elbv2) -> None:
    (notice,) = elbv2.read().notices
    assert "3600 s" in notice
    assert elbv2.set(10).notices == ()


def test_the_load_balancers_own_counters_say_where_requests_went(elbv2: Elbv2) -> None:
    """Whatever the weights: stickiness keeps clients on blue, and that is what is seen."""
    elbv2.set(50)
    stick(elbv2, 3600)
    with Stubber(aws.client(elbv2.region, "cloudwatch")) as cloudwatch:
        counts(cloudwatch, elbv2, [], [])
        assert elbv2.served() == Served(0, 0)
        counts(cloudwatch, elbv2, [900, 60], [40])
        served = elbv2.served()
        cloudwatch.assert_no_pending_responses()
    assert served == Served(960, 40)
    held = as_intended(replace(elbv2.read(), green=50), served)
    assert held.outcome is Outcome.HOLD and "4.0% of 1000 requests reach green" in held.reason
    assert "stickiness keeps clients" in held.reason


def counts(cloudwatch: Stubber, split: Elbv2, blue: list[int], green: list[int]) -> None:
    """What CloudWatch has of each target group, by the period; it is asked for these two and nothing else."""
    for group, sums in ((split.blue_arn, blue), (split.green_arn, green)):
        named = {"TargetGroup": group.rpartition(":")[2], "LoadBalancer": "app/rag/50dc6c495c0c9188"}
        asked = {
            "Namespace": "AWS/ApplicationELB",
            "MetricName": "RequestCount",
            "Dimensions": [{"Name": name, "Value": value} for name, value in named.items()],
            "Statistics": ["Sum"],
            **dict.fromkeys(("StartTime", "EndTime", "Period"), ANY),
        }
        points = [{"Sum": float(one), "Unit": "Count"} for one in sums]
        cloudwatch.add_response("get_metric_statistics", {"Datapoints": points}, asked)


def test_other_actions_of_a_rule_stay(elbv2: Elbv2) -> None:
    client, log_in = aws.client(elbv2.region, "elbv2"), {"Type": "authenticate-cognito", "Order": 1}
    forward = {"Type": "forward", "TargetGroupArn": elbv2.blue_arn, "Order": 2}
    client.modify_rule(RuleArn=elbv2.rule_arn, Actions=[log_in, forward])
    elbv2.set(50)
    (rule,) = client.describe_rules(RuleArns=[elbv2.rule_arn])["Rules"]
    assert [action["Type"] for action in rule["Actions"]] == ["authenticate-cognito", "forward"]
    assert rule["Conditions"]


def test_names_that_live_long_are_shortened_ahead(route53: Route53) -> None:
    assert route53.read() == Intended(0, ("resolvers keep an answer for 300 s",), 300)
    assert route53.set_ttl(60) == 300, "for so long the old answers are still held"
    assert route53.set(10) == Intended(10, (), 60)


def test_records_of_other_names_are_left_alone(route53: Route53) -> None:
    other = {"Name": "b.example.org", "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": "c.example.org"}]}
    route53._upsert(other)
    route53.set(75)
    client = aws.client(route53.region, "route53")
    listed = client.list_resource_record_sets(HostedZoneId=route53.zone_id)["ResourceRecordSets"]
    assert [(one["Name"], one.get("Weight")) for one in listed] == [
        ("acme.example.org.", 25), ("acme.example.org.", 75), ("b.example.org.", None),
    ]  # fmt: skip
    assert listed[0]["ResourceRecords"] == [{"Value": "blue.example.org"}]


def test_a_batch_that_is_refused_changes_nothing(route53: Route53) -> None:
    with pytest.raises(Permanent, match="InvalidChangeBatch"):
        route53._upsert(*(one | {"Weight": weight} for one, weight in zip(route53._records(), (50, 256), strict=True)))
    assert route53.read().green == 0


def test_an_envoy_that_is_told_otherwise_elsewhere_is_found_out(envoy: Envoy, runtime: dict[str, str]) -> None:
    runtime["above"] = "yes"
    with pytest.raises(Permanent, match="10 % were set and 0 % are read back"):
        envoy.set(10)
    runtime["no admin layer"] = "yes"
    with pytest.raises(Permanent, match="No admin layer"):
        envoy.set(10)
    assert envoy.served() == Served(9, 1)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (lambda region: Elbv2(region, LISTENER.replace("listener", "listener-rule") + "/0", "b", "g"), Permanent),
        (lambda region: Route53(region, "Z0", "acme.example.org"), Permanent),
        (lambda region: Envoy("http://127.0.0.1:9", "p", "blue", "green"), Transient),
    ],
)
def test_what_is_not_there_says_so(region: Region, broken: Callable[[Region], Split], error: type[StoreError]) -> None:
    with pytest.raises(error):
        broken(region).read()


@pytest.mark.parametrize(
    ("green", "served", "outcome"),
    [
        (10, Served(899, 101), Outcome.PASS),
        (10, Served(750, 250), Outcome.HOLD),  # stickiness, or caches of resolvers
        (50, Served(2, 3), Outcome.HOLD),  # too few
        (100, Served(0, 500), Outcome.PASS),
        (100, Served(1, 9_999), Outcome.HOLD),
        (0, Served(9_999, 1), Outcome.HOLD),  # a rollback is not over
        (0, Served(500, 0), Outcome.PASS),
    ],
)
def test_the_observed_split_is_what_counts(green: int, served: Served, outcome: Outcome) -> None:
    assert as_intended(Intended(green), served).outcome is outcome


def test_a_split_that_does_not_come_says_why() -> None:
    assert "stickiness" in as_intended(Intended(50, ("stickiness keeps clients",)), Served(1000, 0)).reason
