"""The receipt of a change of status in words: who applied it, who is fenced, for whom nobody can say."""

from typing import Any

from django.utils.translation import gettext as _

from tenants.models import Tenant
from tenants.registry import points

TONES = {"applied": "green", "fenced": "green", "waiting": "blue", "not fenced": "red"}


def receipt(tenant: Tenant) -> dict[str, Any]:
    """The newest change with a row for every enforcement point; still moving while one waits."""
    change = points.newest_change(tenant)
    rows = [_row(one) for one in points.receipt(change)]
    return {
        "change": change,
        "rows": rows,
        "done": sum(one["word"] in ("applied", "fenced") for one in rows),
        "is_moving": any(one["word"] == "waiting" for one in rows),
    }


def _row(one: points.Outcome) -> dict[str, Any]:
    words = {
        "applied": (_("applied"), _("Since")),
        "fenced": (_("its lease is over"), _("Since")),
        "waiting": (_("its lease still runs"), _("Until")),
        "not fenced": (_("not fenced: this tier goes on while the portal is away"), ""),
    }
    said, says = words[one.word]
    return {"point": one.point, "word": one.word, "words": said, "tone": TONES[one.word], "says": says, "at": one.at}
