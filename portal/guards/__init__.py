"""The port through which upper floors forbid a verb.

A guard is `(verb, obj) -> None` and raises Blocked. Settings name guards by dotted string per verb. A verb listed in
GUARDED_VERBS for which none is registered is Blocked: no rule is not permission.
"""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from portal.lib.errors import Blocked

NO_RULE = "portal.guards.no_rule"


def check_guards(verb: str, obj: Any) -> None:
    """Ask every guard registered for `verb`; raise Blocked when one refuses or a needed one is missing."""
    for blocked in refusals(verb, obj):
        raise blocked


def refusals(verb: str, obj: Any) -> Iterator[Blocked]:
    """Every guard's refusal of the verb, for who shows them before it is tried."""
    named = settings.GUARDS.get(verb, [])
    for path in named or ([NO_RULE] if verb in settings.GUARDED_VERBS else []):
        try:
            import_string(path)(verb, obj)
        except Blocked as blocked:
            yield blocked


def no_rule(verb: str, obj: Any) -> None:
    """Refuse what some rules forbid and none allows yet; who brings the rule that allows it takes this one's place."""
    raise Blocked("No rule says that this may be done; it stays blocked until one exists.", by="no-guard")
