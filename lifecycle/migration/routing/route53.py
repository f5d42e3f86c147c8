"""Two weighted records of one name. Resolvers keep the old answer for its TTL, so a change is not at once."""

from dataclasses import dataclass
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.lib.regions import Region

from .split import Intended, Side, require_hundredths, require_left, require_set, share

SYSTEM = "route53"
SLOW_SECONDS = 60


@dataclass(frozen=True)
class Route53:
    """The name's split between the records `blue` and `green`; what they point to is left as it is.

    A side that was removed has no record: `blue_value` and `green_value` say what it leads to when it has one again.
    """

    region: Region
    zone_id: str
    name: str
    kind: str = "CNAME"
    blue_value: str = ""
    green_value: str = ""

    def read(self) -> Intended:
        """The weights of both records, and the longest time for which the split before is still followed."""
        blue, green = self._records()
        ttl = max(int(one.get("TTL", 0)) for one in (blue, green))
        notices = (f"resolvers keep an answer for {ttl} s",) if ttl > SLOW_SECONDS else ()
        return Intended(share(SYSTEM, int(blue["Weight"]), int(green["Weight"])), notices, ttl)

    def set(self, green: int) -> Intended:
        """Weigh both records in one batch, which Route 53 takes whole or not at all."""
        require_hundredths(SYSTEM, green)
        before, after = self._records()
        self._upsert(before | {"Weight": 100 - green}, after | {"Weight": green})
        return require_set(SYSTEM, self.read(), green)

    def set_ttl(self, seconds: int) -> int:
        """Let answers live so long; returns for how many seconds answers of the old length may still be held."""
        before = self.read().settles_in_seconds
        self._upsert(*(one | {"TTL": seconds} for one in self._records()))
        return before

    def stands(self, side: Side) -> str:
        one = self._found().get(side)
        leads = one and ", ".join(each["Value"] for each in one.get("ResourceRecords", []))
        return f"{self.kind} to {leads or 'an alias'}" if one else ""

    def remove(self, side: Side) -> None:
        """Delete the side's record; the other one alone answers then."""
        found = self._found()
        if side in found:
            other = found.get("green" if side == "blue" else "blue", {})
            require_left(SYSTEM, side, int(found[side]["Weight"]), int(other.get("Weight", 0)))
            self._change("DELETE", found[side])
        if side in self._found():
            raise Permanent(SYSTEM, "remove", f"{self.name} still has the record {side}")

    def _records(self) -> tuple[dict[str, Any], dict[str, Any]]:
        found = self._found()
        if not found or found.keys() - {"blue", "green"}:
            raise Permanent(SYSTEM, "read", f"{self.name} has the records {sorted(found)}, not blue and green")
        return self._one(found, "blue"), self._one(found, "green")

    def _one(self, found: dict[str, dict[str, Any]], side: Side) -> dict[str, Any]:
        """The side's record; one that was removed as it will be made again, with no weight."""
        if side in found:
            return found[side]
        value = self.blue_value if side == "blue" else self.green_value
        if not value:
            raise Permanent(SYSTEM, "read", f"{self.name} has no record {side}, and no {side}_value to make one")
        (other,) = found.values()
        shared: dict[str, Any] = {key: other[key] for key in ("Name", "Type", "TTL") if key in other}
        return {**shared, "SetIdentifier": side, "Weight": 0, "ResourceRecords": [{"Value": value}]}

    def _found(self) -> dict[str, dict[str, Any]]:
        with aws.translated(SYSTEM, "ListResourceRecordSets"):
            listed = aws.client(self.region, SYSTEM).list_resource_record_sets(
                HostedZoneId=self.zone_id, StartRecordName=self.name, StartRecordType=self.kind
            )["ResourceRecordSets"]
        wanted = self.name.rstrip(".").lower(), self.kind
        return {
            one.get("SetIdentifier", ""): one
            for one in listed
            if (one["Name"].rstrip(".").lower(), one["Type"]) == wanted
        }

    def _upsert(self, *records: dict[str, Any]) -> None:
        self._change("UPSERT", *records)

    def _change(self, action: str, *records: dict[str, Any]) -> None:
        changes = [{"Action": action, "ResourceRecordSet": record} for record in records]
        with aws.translated(SYSTEM, "ChangeResourceRecordSets"):
            aws.client(self.region, SYSTEM).change_resource_record_sets(
                HostedZoneId=self.zone_id, ChangeBatch={"Changes": changes}
            )
