"""Every rule decides as its table says, and the tables leave no branch of a rule out."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lifecycle.optimizer.engine import prices
from lifecycle.optimizer.engine.costs import cost_of, is_seen, realised, seen_of, storage_of
from lifecycle.optimizer.engine.facts import FLEET
from lifecycle.optimizer.engine.findings import ESTIMATED, REQUIRED_TAGS, change_of
from lifecycle.optimizer.engine.rules.groups import WIDEST
from lifecycle.optimizer.engine.scan import RULES
from portal.embedded.environment import REGIONS
from terraform.policies.rules import TAGS
from tests.meta.source import ROOT

from .decisions import AT, GIB, PRICES, TABLES, database, instance, judged, region, use, volume

CASES = [(f"{table}: {words}", got, want) for table, cases in TABLES.items() for words, got, want in cases]
FREE = {"FreeableMemory": use(12 * GIB), "CPUUtilization": use(8)}


@pytest.mark.parametrize(("got", "want"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_decision(got: Any, want: Any) -> None:
    assert got == want


def test_no_branch_of_a_rule_is_left_out(tmp_path: Path) -> None:
    rules = ROOT / "lifecycle" / "optimizer" / "engine" / "rules"
    run = [sys.executable, "-m", "coverage"]
    files = {"data": tmp_path / "data", "said": tmp_path / "said.json"}
    taken = [*run, "run", "--branch", f"--data-file={files['data']}", f"--include={rules}/*"]
    subprocess.run([*taken, "-m", "tests.optimizer.decisions"], cwd=ROOT, check=True, timeout=120)
    subprocess.run(
        [*run, "json", f"--data-file={files['data']}", "-o", files["said"]], cwd=ROOT, check=True, timeout=60
    )
    seen = json.loads(files["said"].read_text())
    left_out = {name: (one["missing_lines"], one["missing_branches"]) for name, one in seen["files"].items()}
    assert len(left_out) >= 5 and not [name for name, missing in left_out.items() if any(missing)], left_out


def test_every_rule_is_in_a_table() -> None:
    said = json.dumps([want for _, _, want in CASES])
    assert not [rule for rule in RULES if rule not in said]


def test_a_t3_medium_under_a_fifth_saves_about_fifteen_dollars_as_t3_small() -> None:
    one = judged(region(instances=[instance()], metrics={"CPUUtilization": use(8)}))[0][0]
    assert one.change == {"path": ["overrides", "i-1", "instance_type"], "before": "t3.medium", "after": "t3.small"}
    assert one.saving is not None and one.saving.monthly_usd == Decimal("15.18")
    assert (one.saving.monthly_inr, one.saving.annual_inr) == (Decimal("1267.53"), Decimal("15210.36"))
    assert "83.50 ₹/$ of 2026-06-01, RBI" in one.saving.source and one.saving.dated


@pytest.mark.parametrize(
    ("where", "rate", "missing"),
    [("xx-none-1", True, "no price on the sheet"), ("us-east-1", False, "no rate of the dollar is known")],
)
def test_what_has_no_price_is_unknown_and_never_nothing(where: str, rate: bool, missing: str) -> None:
    sheet = prices.load() if not rate else prices.load(rate=prices.Rate(Decimal(80), AT.date(), "RBI"))
    found = region(instances=[instance(region=where)], metrics={"CPUUtilization": use(8)})
    saving = judged(found, sheet)[0][0].saving
    assert saving is not None and (saving.monthly_inr, saving.annual_inr, saving.why) == (None, None, missing)


def test_what_ends_a_resource_comes_before_what_would_change_it() -> None:
    idle = {"CPUUtilization": use(1), "NetworkOut": use(1)}
    found, _ = judged(region(instances=[instance(tags={})], metrics=idle))
    ending = next(one for one in found if one.rule.action == "delete")
    assert ending.instead == "" and [one.instead for one in found if one is not ending] == [ending.id]


def test_backups_come_before_a_smaller_class() -> None:
    found, _ = judged(region(databases=[database(backup_days=0)], metrics=FREE))
    backups, smaller = found
    assert (backups.rule.id, smaller.rule.id) == ("database.backups", "database.one_size_down")
    assert smaller.after == (backups.id,)


def dollars(price: prices.Price | None) -> Decimal:
    assert price is not None
    return price.usd


def test_no_rupee_is_saved_twice_nor_forgotten() -> None:
    """The second zone of a trial goes with its storage, so its smaller class saves only in the one that stays."""
    trial = database(tags={**database().tags, "Environment": "dev"}, storage_gib=80)
    found, _ = judged(region(databases=[trial], metrics=FREE))
    smaller = replace(trial, is_multi_az=False, size="db.m5.large")
    whole = dollars(cost_of(trial, PRICES)) - dollars(cost_of(smaller, PRICES))
    assert sum(each.saving.monthly_usd or Decimal(0) for each in found if each.saving) == round(whole, 2)
    zone = next(one.saving for one in found if one.rule.id == "database.trial_in_two_zones")
    assert zone is not None and zone.monthly_usd == round(Decimal("0.356") * 730 + 80 * Decimal("0.115"), 2)


def test_gp3_no_slower_is_what_is_signed_and_what_is_paid() -> None:
    """500 GiB of gp2 give 250 MiB a second: those are bought, and part of the change; then it costs $5 less."""
    gp2 = volume(type="gp2", size_gib=500, iops=1500)
    (one,), _ = judged(region(volumes=[gp2]))
    assert one.change is not None and one.saving is not None
    assert one.change["with"] == {"iops": {"before": 1500, "after": 3000}, "throughput": {"before": 0, "after": 250}}
    assert one.saving.monthly_usd == Decimal("5.00")
    made = replace(gp2, type="gp3", iops=3000, mibps=250)
    assert is_seen(made, one.change) == "after" and realised(made, one.change, [], PRICES) == Decimal("5.00")
    slower = replace(made, mibps=125)
    assert is_seen(slower, one.change) == "other"


def test_each_change_saves_its_own_difference() -> None:
    """Of class and zone of one database, both done, the sum is what it costs less; in either order."""
    was = database(tags={**database().tags, "Environment": "dev"})
    now = replace(was, size="db.m5.large", is_multi_az=False)
    size = change_of(was.id, "instance_class", was.size, now.size)
    zone = change_of(was.id, "multi_az", True, False)
    whole = dollars(cost_of(was, PRICES)) - dollars(cost_of(now, PRICES))
    for first, second in ((size, zone), (zone, size)):
        parts = realised(now, first, [second], PRICES), realised(now, second, [], PRICES)
        assert None not in parts and sum(one or Decimal(0) for one in parts) == whole
        assert all(one and 0 < one < whole for one in parts)


def test_a_fleet_that_is_replaced_one_by_one_or_sleeps_is_not_something_else() -> None:
    pair = tuple(instance("m5.xlarge", id=f"i-{n}", tags={FLEET: "web"}) for n in range(2))
    change = change_of("asg/web", "instance_type", "m5.xlarge", "m5.large")
    done = tuple(replace(one, size="m5.large") for one in pair)
    for members, said in ((pair, "before"), ((pair[0], done[1]), "before"), (done, "after")):
        (one,) = region(instances=list(members)).fleets()
        assert is_seen(one, change) == said
    assert realised(one, change, [], PRICES) == 2 * Decimal("0.096") * 730
    asleep = region(instances=[replace(one, state="stopped") for one in done])
    assert seen_of(asleep, [("us-east-1", "asg/web"), ("us-east-1", "i-9")]) == {("us-east-1", "i-9"): None}


def test_provisioned_operations_are_paid_for() -> None:
    assert dollars(cost_of(volume(type="io1", iops=3000), PRICES)) == 100 * Decimal("0.125") + 3000 * Decimal("0.065")
    io1 = database(storage_type="io1", iops=1000, is_multi_az=False)
    assert dollars(storage_of(io1, PRICES)) == 50 * Decimal("0.125") + 1000 * Decimal("0.10")
    assert cost_of(volume(type="io1", iops=3000, region="ap-south-1"), PRICES) is None  # not on the sheet


def test_without_its_memory_nothing_is_more_than_a_low_guess() -> None:
    for size, credits, grade in (("m5.xlarge", None, "low"), ("t3.medium", use(400), "low")):
        metrics = {"CPUUtilization": use(8)} | ({"CPUCreditBalance": credits} if credits else {})
        assert judged(region(instances=[instance(size)], metrics=metrics))[0][0].confidence == grade
    known = {"CPUUtilization": use(8), "mem_used_percent": use(20)}
    assert judged(region(instances=[instance("m5.xlarge")], metrics=known))[0][0].confidence == "high"
    assert judged(region(instances=[instance("t3.medium")], metrics=known))[0][0].confidence == "medium"


def sized() -> set[str]:
    """The classes that terraform/modules/sizing gives databases."""
    return set(re.findall(r'class = "(db\.[^"]+)"', (ROOT / "terraform/modules/sizing/main.tf").read_text()))


@pytest.mark.parametrize("where", sorted(REGIONS))
def test_every_class_of_our_own_has_a_price_or_is_known_to_have_none(where: str) -> None:
    assert len(sized()) == 6
    priced = {one for one in sized() if PRICES.database(where, "postgres", one, is_multi_az=False)}
    assert sized() - priced == set(PRICES.unpriced.get(where, []))


def test_an_estimate_says_so() -> None:
    listed, guessed = (database(region="ap-south-1", size=f"db.{one}") for one in ("t4g.medium", "m7g.xlarge"))
    for one, is_estimate in ((listed, False), (guessed, True)):
        before = cost_of(one, PRICES)
        saving = PRICES.saving(before, prices.NOTHING)
        assert saving.is_estimate == is_estimate and ("Estimate" in saving.source) == is_estimate
        assert "AmazonRDS, ap-south-1" in saving.source or is_estimate
    metrics = {"CPUUtilization": use(8), "FreeableMemory": use(12 * GIB)}
    (found,), _ = judged(region(databases=[guessed], metrics=metrics))
    assert ESTIMATED in found.reasons and found.saving is not None and found.saving.monthly_inr is not None


def test_one_list_of_tags_and_one_definition_of_everybody() -> None:
    """Those of the Terraform code: a rule that passes there is no finding here, and the other way round."""
    assert set(REQUIRED_TAGS) == TAGS and "ExpiresOn" in TAGS
    module = (ROOT / "terraform/modules/rule_set/main.tf").read_text()
    widest = dict(re.findall(r'for cidr in one\.cidrs_ipv(\d) : tonumber\(split\("/", cidr\)\[1\]\) < (\d+)', module))
    assert {int(version): int(bits) for version, bits in widest.items()} == WIDEST


def test_storage_of_a_database_is_never_proposed_to_shrink_in_place() -> None:
    metrics = {"CPUUtilization": use(50), "FreeStorageSpace": use(450 * GIB)}
    (found,), _ = judged(region(databases=[database(storage_gib=500)], metrics=metrics))
    assert found.change is None and "cannot shrink in place" in found.reasons[0]


def test_what_may_serve_people_keeps_its_second_zone_and_everybody_their_backups() -> None:
    for environment in ("prod", "production", "PROD", "staging", "", "unheard-of"):
        tags = {**database().tags, "Environment": environment}
        found, _ = judged(region(databases=[database(tags=tags)], metrics=FREE))
        assert not [one for one in found if one.change and one.change["path"][-1] == "multi_az"]
    for backups in range(36):
        found, _ = judged(region(databases=[database(backup_days=backups)], metrics=FREE))
        asked = [one.change["after"] for one in found if one.change and "backup" in one.change["path"][-1]]
        assert all(after > backups for after in asked)


def test_ids_are_of_rule_and_resource() -> None:
    old, young = (judged(region(volumes=[volume(is_attached=False, created_at=AT - age)]))[0] for age in DAYS)
    assert [one.id for one in old] == [one.id for one in young] and old != young


DAYS = (timedelta(days=20), timedelta(days=90))
