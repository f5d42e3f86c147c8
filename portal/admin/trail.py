"""What happened to an object, as its page shows it: who, what, why, newest first."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models

from portal.audit.queries import entries_about, words_of

from .names import names_of


@dataclass(frozen=True)
class Line:
    at: datetime
    who: str
    words: str
    reason: str


def trail_of(obj: models.Model) -> list[Line]:
    entries = entries_about(obj)
    names = names_of(entry.actor for entry in entries)
    return [Line(e.at, names.get(e.actor, e.actor), words_of(e.verb), e.reason) for e in entries]
