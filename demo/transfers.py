"""Tokens moved between a tenant's budgets by every writer at once: what comes of it can be added up."""

import random
import threading
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import NAMESPACE_URL, uuid4, uuid5

import httpx

TEAMS, TOKENS, MOST = 4, 1_000, 50
NOT_ENOUGH = 409


class Sends(Protocol):
    """A tenant's way to the platform."""

    name: str

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """One request."""


@dataclass
class Transfers:
    """One writer's transfers among budgets that all writers share; `made` are those the platform acknowledged."""

    made: dict[tuple[str, str], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, door: Sends) -> None:
        """Leave the tenant with its budgets; whoever comes first opens them."""
        for number, budget in enumerate(budgets_of(door)):
            body = {"id": budget, "name": f"Team {number + 1}", "tokens": TOKENS}
            door.send("POST", "/v1/budgets", body).raise_for_status()

    def one(self, door: Sends, dice: random.Random) -> int:
        """One transfer of a few tokens. That a payer has not enough is an answer like any other."""
        payer, payee = dice.sample(budgets_of(door), 2)
        body = {"id": str(uuid4()), "payer_id": payer, "payee_id": payee, "tokens": dice.randint(1, MOST)}
        answer = door.send("POST", "/v1/budget-transfers", body)
        if answer.status_code in (200, 201):
            with self._lock:
                self.made[door.name, body["id"]] = body["tokens"]
        return 200 if answer.status_code == NOT_ENOUGH else answer.status_code


def budgets_of(door: Sends) -> list[str]:
    """The same ids for every writer."""
    return [str(uuid5(NAMESPACE_URL, f"{door.name} team {number}")) for number in range(TEAMS)]


def unbalanced(name: str, found: list[dict[str, Any]], budgets: list[str]) -> list[str]:
    """What does not add up in a tenant's budgets: nothing is made or lost by a transfer."""
    ours = [one for one in found if one["id"] in budgets]
    wrong = [
        f"{name} {one['name']}: {one['tokens']} tokens, {one['opening']} + {one['received']} - {one['paid']} expected"
        for one in ours
        if one["tokens"] != one["opening"] + one["received"] - one["paid"]
    ]
    total = sum(one["tokens"] for one in ours)
    return wrong if total == TEAMS * TOKENS else [*wrong, f"{name}: {total} tokens of {TEAMS * TOKENS} are left"]
