"""The chart with values that are enough, and what its manifests are held to."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.deploy.gotemplate import Chart

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "bailiwick"
GIVEN: dict[str, Any] = {
    "image": {"repository": "bailiwick", "worker": "bailiwick-worker", "tag": "0.1.0"},
    "env": {
        "BAILIWICK_PUBLIC_URL": "https://portal.example",
        "BAILIWICK_ALLOWED_HOSTS": "portal.example",
        "BAILIWICK_ANCHOR_REGION": "eu-west-1",
        "BAILIWICK_TSA_URL": "https://stamps.example",
        "BAILIWICK_MAIL_FROM": "bailiwick@portal.example",
        "EMAIL_HOST": "mail.portal.example",
    },
    "ingress": {"host": "portal.example", "tlsSecret": "portal-tls"},
}
Manifest = dict[str, Any]


def values(**changes: Any) -> dict[str, Any]:
    """The chart's values with what an installation has to give, checked as Helm checks them."""
    found = yaml.safe_load((CHART / "values.yaml").read_text())
    for given in (GIVEN, changes):
        _merge(found, copy.deepcopy(given))
    _of_values().validate(found)
    return found


def manifests(**changes: Any) -> list[Manifest]:
    found: list[Manifest] = copy.deepcopy(_rendered(json.dumps(changes)))
    return found


@cache
def _rendered(changes: str) -> list[Manifest]:
    return Chart(CHART).render(values(**json.loads(changes)))


def of_kind(kind: str, **changes: Any) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in manifests(**changes) if one["kind"] == kind}


def pods(**changes: Any) -> dict[str, Manifest]:
    """The pod of every Deployment and Job, by name without the release's."""
    found = {**of_kind("Deployment", **changes), **of_kind("Job", **changes)}
    return {name.removeprefix("bw-"): one["spec"]["template"]["spec"] for name, one in found.items()}


def validate(manifest: Manifest) -> None:
    """Every field exists in Kubernetes, has its type, and none that must be there is missing."""
    _of_kind(manifest["kind"]).validate(manifest)


@cache
def _of_kind(kind: str) -> jsonschema.Draft7Validator:
    known = json.loads((Path(__file__).parent / "kubernetes.schema.json").read_text())
    which = {"$ref": f"#/definitions/{known['kinds'][kind]}", "definitions": known["definitions"]}
    return jsonschema.Draft7Validator(which)


@cache
def _of_values() -> jsonschema.Draft7Validator:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def _merge(into: dict[str, Any], given: dict[str, Any]) -> None:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
