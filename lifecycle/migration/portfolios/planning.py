"""The dry run of a whole portfolio: rows, time, ₹, and who is refused. Stores nothing, touches nothing."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings

from lifecycle.migration.actions import plan_migration
from lifecycle.migration.models import Migration
from lifecycle.migration.planning import Plan
from portal.access import policy
from portal.access.actor import Actor
from portal.lib.errors import Invalid
from tenants.models import Tenant

MOST_TENANTS, MOST_WAVES = 50, 20


@dataclass(frozen=True)
class Row:
    """One tenant's part. `refused` says why it cannot go along; then there may be no plan."""

    wave: int
    tenant_id: UUID
    name: str
    plan: Plan | None
    refused: str = ""

    @property
    def total_inr(self) -> Decimal | None:
        return self.plan.estimate.total_inr if self.plan else None

    @property
    def seconds(self) -> float | None:
        found = self.plan.estimate.seconds if self.plan else None
        return found.expected if found else None

    @property
    def rows(self) -> int | None:
        return self.plan.estimate.rows if self.plan else None

    def as_json(self) -> dict[str, Any]:
        return {
            "wave": self.wave,
            "tenant_id": str(self.tenant_id),
            "name": self.name,
            "strategy": self.plan.strategy if self.plan else None,
            "window_minutes": self.plan.window_minutes if self.plan else None,
            "rows": self.rows,
            "seconds": self.seconds,
            "total_inr": _money(self.total_inr),
            "waits": [one.title for one in self.plan.findings if one.outcome == "wait"] if self.plan else [],
            "refused": self.refused,
        }


@dataclass(frozen=True)
class PortfolioPlan:
    """All of it. What is not known of one is not known of the whole."""

    target: str
    budget_inr: Decimal
    rows: list[Row]

    @property
    def refused(self) -> list[Row]:
        return [one for one in self.rows if one.refused]

    @property
    def unpriced(self) -> list[Row]:
        return [one for one in self.rows if one.total_inr is None]

    @property
    def total_inr(self) -> Decimal | None:
        return None if self.unpriced else sum((one.total_inr or Decimal(0) for one in self.rows), Decimal(0))

    @property
    def fits(self) -> bool:
        """False while a price is not known: that is never within a budget."""
        return self.total_inr is not None and self.total_inr <= self.budget_inr

    @property
    def seconds(self) -> float | None:
        """Wave after wave, so many moves at once as a region takes, and each wave's stability before the next."""
        waves = [[one for one in self.rows if one.wave == wave] for wave in sorted({one.wave for one in self.rows})]
        found = [_seconds_of(wave) for wave in waves]
        return None if None in found else sum(one or 0.0 for one in found)

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, money as strings."""
        counts = [one.rows for one in self.rows]
        return {
            "target": self.target,
            "budget_inr": _money(self.budget_inr),
            "total_inr": _money(self.total_inr),
            "rows": None if None in counts else sum(one or 0 for one in counts),
            "seconds": self.seconds,
            "members": [one.as_json() for one in self.rows],
            "refused": [one.name for one in self.refused],
            "unpriced": [one.name for one in self.unpriced],
            "fits_budget": self.fits,
            "is_possible": self.fits and not self.refused,
        }


def plan_portfolio(
    target: str, waves: list[list[UUID]], budget_inr: Decimal, *, actor: Actor, is_rehearsal: bool = False
) -> PortfolioPlan:
    """Plan every member by its tier's playbook, which is what makes a portfolio hybrid."""
    policy.require(actor, "portfolio.edit")
    _check(waves, budget_inr)
    wanted = [(number, pk) for number, wave in enumerate(waves, 1) for pk in wave]
    known = {one.pk: one for one in Tenant.objects.visible_to(actor).filter(pk__in=[pk for _, pk in wanted])}
    if missing := [str(pk) for _, pk in wanted if pk not in known]:
        raise Invalid(fields={"waves": f"there is no such tenant: {', '.join(missing)}"})
    rows = [_row(number, known[pk], target, actor, is_rehearsal) for number, pk in wanted]
    return PortfolioPlan(target, budget_inr, rows)


def _row(wave: int, tenant: Tenant, target: str, actor: Actor, is_rehearsal: bool) -> Row:
    about = {"wave": wave, "tenant_id": tenant.pk, "name": tenant.name}
    try:
        plan = plan_migration(tenant.pk, target, actor=actor, is_rehearsal=is_rehearsal)
    except Invalid as refusal:
        return Row(**about, plan=None, refused=" ".join(refusal.fields.values()) or refusal.detail)  # type: ignore[arg-type]
    why = " ".join(f"{one.title}. {one.remedy}".strip() for one in plan.refused)
    if Migration.objects.open().filter(tenant=tenant).exists():
        why = f"A move of this tenant is open already. {why}".strip()
    return Row(**about, plan=_in_turn(plan, wave), refused=why)  # type: ignore[arg-type]


def _in_turn(plan: Plan, wave: int) -> Plan:
    """A window of a later wave begins when those of the waves before it may be over and stable."""
    if plan.window_starts_at is None:
        return plan
    before = (wave - 1) * (plan.stability + timedelta(minutes=plan.window_minutes))
    return replace(plan, window_starts_at=plan.window_starts_at + before)


def _check(waves: list[list[UUID]], budget_inr: Decimal) -> None:
    everybody = [pk for wave in waves for pk in wave]
    waves_faults = {
        "name at least one tenant in each wave": not waves or not all(waves),
        f"at most {MOST_WAVES} waves": len(waves) > MOST_WAVES,
        f"at most {MOST_TENANTS} tenants": len(everybody) > MOST_TENANTS,
        "each tenant once": len(set(everybody)) < len(everybody),
    }
    if said := next((words for words, is_so in waves_faults.items() if is_so), ""):
        raise Invalid(fields={"waves": said})
    if not is_whole(budget_inr):
        raise Invalid(fields={"budget_inr": "whole rupees above ₹0"})


def is_whole(budget_inr: Decimal) -> bool:
    """True for an amount that can be a budget."""
    return budget_inr > 0 and budget_inr == budget_inr.to_integral_value()


def _seconds_of(wave: list[Row]) -> float | None:
    if None in (took := [one.seconds for one in wave]):
        return None
    known = [one or 0.0 for one in took]
    stable = max(one.plan.stability.total_seconds() for one in wave if one.plan)
    return max(max(known), sum(known) / settings.MIGRATION["moves_per_region"]) + stable


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
