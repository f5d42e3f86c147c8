"""Reads names and types of the AWS provider out of the npm package `@cdktf/provider-aws`: facts only, none of its code.

    npm pack @cdktf/provider-aws && python -m terraform.testing.extract cdktf-provider-aws-*.tgz

writes aws.json.xz beside this file. The bindings do not say what is sensitive, write-only or a single block, nor of an
argument that may be set whether the provider decides it otherwise; facts.json knows where it matters.
"""

import json
import lzma
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Block = dict[str, Any]
INDEX = re.compile(r"package/lib/([\w-]+)/index\.js$")
STRUCT = re.compile(r"^function (\w+)ToHclTerraform\(.*?^}", re.MULTILINE | re.DOTALL)
CLASS = re.compile(r"^class (\w+) extends (cdktf\.\w+) \{.*?^}", re.MULTILINE | re.DOTALL)
OWN = re.compile(r"synthesizeHclAttributes\(\) \{.*?^    \}", re.MULTILINE | re.DOTALL)
ARGUMENT = re.compile(
    r'^\s+(\w+): \{\s+value: (.*),\s+isBlock: (true|false),\s+type: "(\w+)",\s+storageClassType: "(\w+)"', re.MULTILINE
)
FIELD = re.compile(r"(?:struct\.|this\._)(\w+)")
RESET = re.compile(r"reset\w+\(\) \{\s+this\._(\w+)(?:\.internalValue)? = undefined")
NESTED = re.compile(r"(\w+)ToHclTerraform")
DECIDED = re.compile(r"// (\w+) - computed: true, optional: (true|false), required: false\n\s+(.*(?:\n\s+return .*)?)")
GETTER = re.compile(r"this\.get(\w*?)Attribute\('")
SCALARS = {"string": "string", "number": "number", "boolean": "bool", "any": "string"}
GOTTEN: dict[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
}
MAINS = ("cdktf.TerraformResource", "cdktf.TerraformDataSource", "cdktf.TerraformProvider")
ALSO_DECIDED = ("id", "arn", "region", "tags_all")


def extract(package: Path) -> dict[str, Any]:
    """Return every resource, every data source and the provider's own arguments."""
    found: dict[str, Any] = {"resources": {}, "data": {}, "provider": {}}
    for folder, source in _sources(package):
        name = re.search(r'\.tfResourceType = "(\w+)"', source)
        if name is None:
            continue
        if folder == "provider":
            found["provider"] = read(source)
        else:
            found["data" if folder.startswith("data-aws-") else "resources"][name[1]] = read(source)
    return found


def read(source: str) -> Block:
    """Return the block one binding describes."""
    structs = {one[1]: one[0] for one in STRUCT.finditer(source)}
    classes = {one[1]: one[0] for one in CLASS.finditer(source)}
    main = next(one[0] for one in CLASS.finditer(source) if one[2] in MAINS)
    own = OWN.search(main)
    return _arguments(own[0] if own else "", main, structs, classes)


def _sources(package: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(package) as archive:
        for member in archive:
            inside = INDEX.match(member.name)
            content = archive.extractfile(member) if inside else None
            if inside and content:
                yield inside[1], content.read().decode()


def _arguments(text: str, owner: str, structs: dict[str, str], classes: dict[str, str]) -> Block:
    block: Block = {"attributes": {}, "blocks": {}}
    resets = {*RESET.findall(owner)}  # the name of a reset may differ from the field's
    for name, value, is_block, kind, storage in ARGUMENT.findall(text):
        field = FIELD.search(value)
        word = field[1] if field else name
        known_as = f"reset{word[0].upper()}{word[1:]}()"
        required = bool(owner) and word not in resets and known_as not in owner
        if is_block == "false":
            block["attributes"][name] = _attribute(
                _type(kind, storage),
                required=required,
                optional=not required,
                computed=name in ALSO_DECIDED and "synthesizeHclAttributes" in owner,
            )
            continue
        nested = NESTED.search(value)
        struct = nested[1] if nested else ""
        inner = f"{struct[0].upper()}{struct[1:]}OutputReference"
        block["blocks"][name] = {
            "nesting": "single" if kind == "struct" else kind,
            "required": required,
            **_arguments(structs.get(struct, ""), classes.get(inner, ""), structs, classes),
        }
    for name, optional, rest in DECIDED.findall(owner):
        if name in block["attributes"]:
            block["attributes"][name]["computed"] = True
        elif name not in block["blocks"]:
            kind = _decided_type(rest)
            block["attributes"][name] = _attribute(kind, computed=True, optional=optional == "true")
    return block


def _attribute(kind: Any, *, required: bool = False, optional: bool = False, computed: bool = False) -> dict[str, Any]:
    return {"type": kind, "computed": computed, "optional": optional, "required": required}


def _type(kind: str, storage: str) -> Any:
    element = storage.removesuffix("List").removesuffix("Map")
    if storage.endswith("MapList"):
        return [kind, ["map", SCALARS[element.removesuffix("Map")]]]
    return SCALARS[storage] if kind == "simple" else [kind, SCALARS.get(element, "string")]


def _decided_type(rest: str) -> Any:
    getter = GETTER.search(rest)
    if getter:
        kind = GOTTEN.get(getter[1], "string")
        return ["set", *kind[1:]] if "tolist" in rest else kind
    if "MapList(" in rest or "List(" in rest:
        return ["list", ["map", "string"]]
    return ["map", {"Boolean": "bool", "Number": "number"}.get(rest.split("cdktf.")[-1].split("Map")[0], "string")]


if __name__ == "__main__":
    said = json.dumps(extract(Path(sys.argv[1])), separators=(",", ":"), sort_keys=True)
    Path(__file__).with_name("aws.json.xz").write_bytes(lzma.compress(said.encode(), preset=9))
