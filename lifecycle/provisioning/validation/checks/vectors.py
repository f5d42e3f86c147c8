"""Vectors of the tenant are written, found again, invisible to a neighbour, and nothing falls into a default place."""

from lifecycle.provisioning.validation import pgvector
from lifecycle.provisioning.validation.canary import canary_of
from lifecycle.provisioning.validation.findings import CouldNotRun, Findings
from lifecycle.provisioning.validation.target import Binding, Target


def run(target: Target, found: Findings) -> None:
    provider = target.binding.vector.provider
    found.measured |= {"provider": provider, "namespace": target.binding.vector.namespace}
    _judge(provider, target, found, canary_of(target.region, target.secrets_dir))
    found.headline = f"{provider}: written, found, isolated both ways, no default namespace"


def _judge(provider: str, target: Target, found: Findings, neighbour: Binding) -> None:
    if provider == "pgvector":
        pgvector.judge(target, found, neighbour)
    elif provider == "pinecone":
        from lifecycle.provisioning.validation import pinecone  # the SDK takes long to load and few tenants need it

        pinecone.judge(target, found)
    else:
        raise CouldNotRun(f"no check is known for vectors in {provider}")
