"""A load balancer's rule that forwards to two target groups by weight."""

from dataclasses import dataclass
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.lib.regions import Region

from .split import Intended, require_hundredths, require_set, share

SYSTEM = "elbv2"


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
        weights = {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in config.get("TargetGroups", [])}
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
        actions = self._actions()
        weighed = ((self.blue_arn, 100 - green), (self.green_arn, green))
        forward = self._forward(actions)
        forward["ForwardConfig"] = {
            "TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weighed],
            "TargetGroupStickinessConfig": {"Enabled": False},
        }
        forward.pop("TargetGroupArn", None)
        with aws.translated(SYSTEM, "ModifyRule"):
            aws.client(self.region, SYSTEM).modify_rule(RuleArn=self.rule_arn, Actions=actions)
        return require_set(SYSTEM, self.read(), green)

    def _actions(self) -> list[dict[str, Any]]:
        with aws.translated(SYSTEM, "DescribeRules"):
            rules = aws.client(self.region, SYSTEM).describe_rules(RuleArns=[self.rule_arn])["Rules"]
        return list(rules[0]["Actions"])

    def _forward(self, actions: list[dict[str, Any]]) -> dict[str, Any]:
        found = [action for action in actions if action["Type"] == "forward"]
        if len(found) != 1:
            raise Permanent(SYSTEM, "read", f"{self.rule_arn} forwards nothing")
        return found[0]
