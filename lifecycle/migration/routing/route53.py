"""Two weighted records of one name. Resolvers keep the old answer for its TTL, so a change is not at once."""

from dataclasses import dataclass
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from portal.lib.regions import Region

from .split import Intended, require_hundredths, require_set, share

SYSTEM = "route53"
SLOW_SECONDS = 60


@dataclass(frozen=True)
class Route53:
    """The name's split between the records `blue` and `green`; what they point to is left as it is."""

    region: Region
    zone_id: str
    name: str
    kind: str = "CNAME"

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

    def _records(self) -> tuple[dict[str, Any], dict[str, Any]]:
        with aws.translated(SYSTEM, "ListResourceRecordSets"):
            listed = aws.client(self.region, SYSTEM).list_resource_record_sets(
                HostedZoneId=self.zone_id, StartRecordName=self.name, StartRecordType=self.kind
            )["ResourceRecordSets"]
        wanted = self.name.rstrip(".").lower(), self.kind
        found = {
            one.get("SetIdentifier", ""): one
            for one in listed
            if (one["Name"].rstrip(".").lower(), one["Type"]) == wanted
        }
        if found.keys() != {"blue", "green"}:
            raise Permanent(SYSTEM, "read", f"{self.name} has the records {sorted(found)}, not blue and green")
        return found["blue"], found["green"]

    def _upsert(self, *records: dict[str, Any]) -> None:
        changes = [{"Action": "UPSERT", "ResourceRecordSet": record} for record in records]
        with aws.translated(SYSTEM, "ChangeResourceRecordSets"):
            aws.client(self.region, SYSTEM).change_resource_record_sets(
                HostedZoneId=self.zone_id, ChangeBatch={"Changes": changes}
            )
