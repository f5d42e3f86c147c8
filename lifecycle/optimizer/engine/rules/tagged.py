"""Tags: what every resource must say about itself."""

from ..facts import Tags
from ..findings import REQUIRED_TAGS, Judging, Rule, change_of

MISSING = Rule("tags.missing", 2, "Does not say whose it is", "tags", "tag", "low", "low", 80)


def judge(resource: str, region: str, tags: Tags, judging: Judging) -> None:
    missing = [name for name in REQUIRED_TAGS if not tags.get(name, "").strip()]
    if not missing:
        return
    judging.find(
        MISSING,
        resource,
        region,
        f"{len(missing)} of {len(REQUIRED_TAGS)} tags are missing",
        tags,
        evidence={"missing": missing},
        change=change_of(resource, "tags", None, dict.fromkeys(missing, "")),
    )
