"""The files that go with a certificate: leaves of each manifest, and what verifiers were told, without any name."""

from bailiwick_proof.archive import LEAVES
from bailiwick_proof.canonical import canonical
from bailiwick_proof.manifest import Manifest

from compliance.erasing.queries import Facts
from compliance.inventory.queries import searched, snapshot
from portal.jobs.context import StepContext

from .engine import items
from .subject import manifests, regions, runs


def archive(ctx: StepContext, facts: Facts) -> dict[str, bytes]:
    """Every file by name; the leaves are made again from the listed ids, and must give the root that was sealed."""
    files = {}
    for name, sealed in manifests(ctx).items():
        if sealed["leaves"]:
            files[LEAVES.format(name)] = _leaves(facts, name, sealed)
    for name, run in runs(facts).items():
        files[f"answers/{name}.json"] = canonical({"system": name, "checks": run.checks})
    if facts.request.gone_before:
        files["gone-before.json"] = canonical(facts.request.gone_before)
    files["inventory.json"] = canonical(snapshot().plain())
    files["searched.json"] = canonical(searched())
    return files


def _leaves(facts: Facts, name: str, sealed: dict[str, object]) -> bytes:
    region = regions()[str(sealed["region"])]
    manifest = Manifest(facts.manifest_key, name)
    system = name.removesuffix(f"-{region.name}")
    leaves = b"".join(manifest.add(one) for one in items.each(region, facts.request.pk, system))
    if (manifest.root, manifest.leaves) != (sealed["root"], sealed["leaves"]):
        raise ValueError(f"{name}: the ids listed are not those whose root was sealed")
    return leaves
