"""The closed vocabulary of rule conditions. What is not known never counts as "does not hold".

A condition is a dict; all its parts must hold. Each part answers True, False or None (not known): a rule that asks for
a signature speaks on True and None, a waiver on True only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from portal.lib.errors import Invalid
from portal.lib.money import parse_inr

Answer = bool | None


@dataclass(frozen=True)
class Matter:
    """What a rule may look at: the facts of the case, and the amount counted (None: not known)."""

    facts: Mapping[str, Any]
    amount_inr: Decimal | None

    @property
    def known_amount(self) -> Decimal | None:
        return None if self.facts.get("price_known") is False else self.amount_inr


def _above(wanted: Any, matter: Matter) -> Answer:
    amount = matter.known_amount
    return None if amount is None else amount > Decimal(wanted)


def _at_most(wanted: Any, matter: Matter) -> Answer:
    amount = matter.known_amount
    return None if amount is None else amount <= Decimal(wanted)


def _one_of(wanted: list[str], fact: Any) -> Answer:
    return None if fact is None else str(fact).casefold() in {item.casefold() for item in wanted}


def _data_classes(wanted: list[str], matter: Matter) -> Answer:
    found = matter.facts.get("data_classes")
    if not isinstance(found, list):
        return None
    return bool({item.casefold() for item in wanted} & {str(item).casefold() for item in found})


def _leaves_home(wanted: bool, matter: Matter) -> Answer:
    found = matter.facts.get("leaves_home_country")
    return found is wanted if isinstance(found, bool) else None


PARTS = {
    "amount_above_inr": (str, _above),
    "amount_at_most_inr": (str, _at_most),
    "data_classes": (list, _data_classes),
    "tiers": (list, lambda wanted, matter: _one_of(wanted, matter.facts.get("tier"))),
    "regions": (list, lambda wanted, matter: _one_of(wanted, matter.facts.get("region"))),
    "leaves_home_country": (bool, _leaves_home),
}


def evaluate(condition: Mapping[str, Any], matter: Matter) -> Answer:
    """True if every part holds, False if one does not, None if that hangs on something unknown."""
    answers = [PARTS[name][1](wanted, matter) for name, wanted in condition.items()]
    if False in answers:
        return False
    return None if None in answers else True


def check(condition: Any) -> dict[str, Any]:
    """Return the condition in its stored form, or raise Invalid naming the part that is not understood."""
    if not isinstance(condition, dict):
        raise Invalid(fields={"condition": "an object of named parts"})
    checked = {}
    for name, wanted in condition.items():
        if name not in PARTS:
            raise Invalid(fields={"condition": f"{name} is not known here; known: {', '.join(PARTS)}"})
        checked[name] = _checked(name, PARTS[name][0], wanted)
    return checked


def _checked(name: str, shape: type, wanted: Any) -> Any:
    if name.endswith("_inr"):
        return f"{parse_inr(wanted, field='condition'):f}"
    strings = shape is list and isinstance(wanted, list) and wanted and all(isinstance(x, str) and x for x in wanted)
    if not strings and not (shape is bool and isinstance(wanted, bool)):
        expected = "a list of names" if shape is list else "true or false"
        raise Invalid(fields={"condition": f"{name} takes {expected}"})
    return wanted


def in_words(condition: Mapping[str, Any]) -> str:
    """The condition as an approver reads it."""
    from portal.lib.money import inr

    words = {
        "amount_above_inr": lambda value: f"amount above {inr(Decimal(value))}",
        "amount_at_most_inr": lambda value: f"amount at most {inr(Decimal(value))}",
        "data_classes": lambda value: f"data class {' or '.join(value)}",
        "tiers": lambda value: f"tier {' or '.join(value)}",
        "regions": lambda value: f"region {' or '.join(value)}",
        "leaves_home_country": lambda value: "data leaves" if value else "data stays in" + " the home country",
    }
    return " and ".join(words[name](value) for name, value in condition.items()) or "always"
