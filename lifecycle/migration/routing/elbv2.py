"""A load balancer's rule that forwards to two target groups by weight."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.lib.clock import now
from portal.lib.regions import Region

from .split import Intended, Served, Side, require_hundredths, require_left, require_set, share

SYSTEM = "elbv2"
COUNTED = "AWS/ApplicationELB"
PERIOD = 7_200  # seconds: two months of them are fewer points than CloudWatch gives to one question (1,440)
# Figures of a minute come with the next ones, and some late: a request may be counted so much later.
LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Elbv2:
    """The rule's split. Other actions of the rule, such as authentication, stay as they are."""

    region: Region
    rule_arn: str
    blue_arn: str
    green_arn: str

    def read(self) -> Intended:
        """The weights of the rule; a target group it does not name has none."""
        config = self._forward(self._actions()).get("ForwardConfig", {})
        weights = _weights(config)
        others = weights.keys() - {self.blue_arn, self.green_arn}
        if others:
            raise Permanent(SYSTEM, "read", f"the rule forwards elsewhere, too: {', '.join(sorted(others))}")
        sticky = config.get("TargetGroupStickinessConfig", {})
        notices = (
            (f"stickiness keeps clients where they are for {sticky.get('DurationSeconds', 0)} s, whatever the weights",)
            if sticky.get("Enabled")
            else ()
        )
        return Intended(share(SYSTEM, weights.get(self.blue_arn, 0), weights.get(self.green_arn, 0)), notices)

    def set(self, green: int) -> Intended:
        """Weigh both target groups and end stickiness, which would override the weights."""
        require_hundredths(SYSTEM, green)
        self._weigh({self.blue_arn: 100 - green, self.green_arn: green})
        return require_set(SYSTEM, self.read(), green)

    def served(self) -> Served:
        """Requests that each target group was sent in this month and the last: two readings are compared.

        What stickiness keeps where it was is among them: it is the traffic that is counted and not the weights. A
        request is counted up to LATE after it came.
        """
        return Served(self._requests(self.blue_arn), self._requests(self.green_arn))

    def _requests(self, group: str) -> int:
        at = now()
        first = (at.replace(day=1) - timedelta(days=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        with aws.translated(SYSTEM, "GetMetricStatistics"):
            points = aws.client(self.region, "cloudwatch").get_metric_statistics(
                Namespace=COUNTED,
                MetricName="RequestCount",
                Dimensions=[
                    {"Name": "TargetGroup", "Value": group.rpartition(":")[2]},
                    {"Name": "LoadBalancer", "Value": self._balancer},
                ],
                StartTime=first,
                EndTime=at + timedelta(minutes=1),
                Period=PERIOD,
                Statistics=["Sum"],
            )["Datapoints"]
        return round(sum(point["Sum"] for point in points))

    @property
    def _balancer(self) -> str:
        """`app/<name>/<id>`, as CloudWatch calls the load balancer of a rule."""
        parts = self.rule_arn.rpartition(":")[2].split("/")
        if len(parts) < 4:
            raise Permanent(SYSTEM, "count", f"{self.rule_arn} is no rule of a load balancer")
        return "/".join(parts[1:4])

    def stands(self, side: Side) -> str:
        arn, _ = self._sides(side)
        named = _weights(self._forward(self._actions()).get("ForwardConfig", {}))
        return f"target group {arn}" if arn in named else ""

    def remove(self, side: Side) -> None:
        """Let the rule forward to the other side's target group alone; the group itself is whoever's made it."""
        arn, other = self._sides(side)
        weights = _weights(self._forward(self._actions()).get("ForwardConfig", {}))
        if arn in weights:
            require_left(SYSTEM, side, weights[arn], weights.get(other, 0))
            self._weigh({other: 100})
        if self.stands(side):
            raise Permanent(SYSTEM, "remove", f"the rule still names {arn}")

    def _sides(self, side: Side) -> tuple[str, str]:
        return (self.blue_arn, self.green_arn) if side == "blue" else (self.green_arn, self.blue_arn)

    def _weigh(self, weights: dict[str, int]) -> None:
        actions = self._actions()
        forward = self._forward(actions)
        forward["ForwardConfig"] = {
            "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights.items()],
            "TargetGroupStickinessConfig": {"Enabled": False},
        }
        forward.pop("TargetGroupArn", None)
        with aws.translated(SYSTEM, "ModifyRule"):
            aws.client(self.region, SYSTEM).modify_rule(RuleArn=self.rule_arn, Actions=actions)

    def _actions(self) -> list[dict[str, Any]]:
        with aws.translated(SYSTEM, "DescribeRules"):
            rules = aws.client(self.region, SYSTEM).describe_rules(RuleArns=[self.rule_arn])["Rules"]
        return list(rules[0]["Actions"])

    def _forward(self, actions: list[dict[str, Any]]) -> dict[str, Any]:
        found = [action for action in actions if action["Type"] == "forward"]
        if len(found) != 1:
            raise Permanent(SYSTEM, "read", f"{self.rule_arn} forwards nothing")
        return found[0]


def _weights(config: dict[str, Any]) -> dict[str, int]:
    """The weight of each target group that is named."""
    return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in config.get("TargetGroups", [])}
