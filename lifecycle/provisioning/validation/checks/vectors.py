"""Vectors of the tenant are written, found again, invisible to a neighbour, and nothing falls into a default place."""

from collections.abc import Callable

from lifecycle.provisioning.validation import pgvector, pinecone
from lifecycle.provisioning.validation.canary import canary_of
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.target import Binding, Target

PROVIDERS: dict[str, Callable[[Target, Findings, Binding], None]] = {
    "pgvector": pgvector.judge,
    "pinecone": pinecone.judge,
}


def run(target: Target, found: Findings) -> None:
    provider = target.binding.vector.provider
    if provider not in PROVIDERS:
        raise CouldNotRun(f"no check is known for vectors in {provider}")
    found.measured |= {"provider": provider, "namespace": target.binding.vector.namespace}
    PROVIDERS[provider](target, found, canary_of(target.region, target.secrets_dir))
    found.headline = f"{provider}: written, found, isolated both ways, no default namespace"
