"""The provider's schema: names and types from aws.json.xz, as Terraform's plugin protocol wants them."""

import functools
import json
import lzma
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as pb

HERE = Path(__file__).parent
NESTING = pb.Schema.NestedBlock.NestingMode
MODES = {"list": NESTING.LIST, "set": NESTING.SET, "single": NESTING.SINGLE, "map": NESTING.MAP}
WRITE_ONLY = b"\x58\x01"  # field 11 of the protocol's Attribute, which the framework's bindings do not know yet
FACTS: dict[str, Any] = json.loads((HERE / "facts.json").read_text())
USED = re.compile(r'^\s*(resource|data|ephemeral)\s+"(aws_\w+)"', re.MULTILINE)

Block = dict[str, Any]


@functools.cache
def whole() -> dict[str, Any]:
    """Return everything that w."""
    found: dict[str, Any] = json.loads(lzma.decompress((HERE / "aws.json.xz").read_bytes()))
    for one in found["data"].values():
        for about in one["attributes"].values():
            about["computed"] = not about["required"]  # what one may ask by is also answered
    for name, computed in FACTS["computed"].items():
        for attribute in computed:
            found["resources"][name]["attributes"][attribute]["computed"] = True
    found["provider"]["attributes"].pop("alias", None)  # Terraform's own
    return found


def used_in(folders: Iterable[Path]) -> tuple[set[str], set[str]]:
    """Return the types of resources and of data that Terraform files below the folders name."""
    resources, data = set(), set()
    for folder in folders:
        for path in (*folder.rglob("*.tf"), *folder.rglob("*.tftest.hcl")):
            for kind, name in USED.findall(path.read_text()):
                (resources if kind == "resource" else data).add(name)
    return resources & whole()["resources"].keys(), data & whole()["data"].keys()


def provider() -> pb.Schema:
    return _schema(whole()["provider"])


def resource(name: str) -> pb.Schema:
    return _schema(whole()["resources"][name])


def data(name: str) -> pb.Schema:
    return _schema(whole()["data"][name])


def is_write_only(name: str) -> bool:
    """True for an argument that is sent and never kept: in this provider, and only there, they end in _wo."""
    return name.endswith("_wo")


def _schema(block: Block) -> pb.Schema:
    return pb.Schema(version=0, block=_block(block))


def _block(block: Block) -> pb.Schema.Block:
    return pb.Schema.Block(
        attributes=[_attribute(name, one) for name, one in sorted(block["attributes"].items())],
        block_types=[_nested(name, one) for name, one in sorted(block["blocks"].items())],
    )


def _attribute(name: str, about: dict[str, Any]) -> pb.Schema.Attribute:
    made = pb.Schema.Attribute(
        name=name,
        type=json.dumps(about["type"]).encode(),
        required=about["required"],
        optional=about["optional"],
        computed=about["computed"],
        sensitive=name in FACTS["secret"] or is_write_only(name),
    )
    return made.FromString(made.SerializeToString() + WRITE_ONLY) if is_write_only(name) else made


def _nested(name: str, about: Block) -> pb.Schema.NestedBlock:
    least = 1 if about["required"] and about["nesting"] != "single" else 0
    return pb.Schema.NestedBlock(type_name=name, block=_block(about), nesting=MODES[about["nesting"]], min_items=least)
