"""What tiers include, shipped as data; editable ever after."""

from portal.access.actor import Actor

from .actions import set_feature
from .models import Feature

FEATURES = [
    ("advanced-analytics", "Advanced analytics", "See who asks what, how well it was answered, and what it cost.",
     ["platinum"]),
    ("semantic-reranking", "Semantic re-ranking", "Passages are ranked a second time by meaning before answering.",
     ["platinum", "gold"]),
]  # fmt: skip


def install(actor: Actor) -> None:
    """Create what is missing; never overwrite what somebody edited."""
    for code, title, says, tiers in FEATURES:
        if not Feature.objects.filter(pk=code).exists():
            set_feature(actor=actor, reason="shipped", code=code, title=title, says=says, tiers=tiers)
