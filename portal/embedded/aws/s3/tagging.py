"""Tags of objects: at most ten, unique keys; the same parser serves buckets (fifty)."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element

from ..errors import AwsError
from ..web import Response
from . import versions
from .calls import Call, answer

OBJECT_TAGS = 10


def get(call: Call) -> Response:
    _require(call, "Get")
    row = versions.find(call)
    tags = [{"Key": key, "Value": value} for key, value in json.loads(row["tags"]).items()]
    return answer("Tagging", {"TagSet": {"Tag": tags}}, **versions.id_header(call, row))


def put(call: Call) -> Response:
    _require(call, "Put")
    return _store(call, parse_tags(call.xml("Tagging"), OBJECT_TAGS), 200)


def delete(call: Call) -> Response:
    _require(call, "Delete")
    return _store(call, {}, 204)


def parse_tags(root: Element, limit: int) -> dict[str, str]:
    """The TagSet as a dict; duplicates, `aws:` keys and too many or too long ones are refused."""
    pairs = [(tag.findtext("Key", ""), tag.findtext("Value") or "") for tag in root.findall("TagSet/Tag")]
    return _checked(pairs, limit)


def header_tags(call: Call) -> dict[str, str]:
    """Tags of the x-amz-tagging header (query-string form)."""
    text = call.header("x-amz-tagging")
    return _checked(parse_qsl(text, keep_blank_values=True), OBJECT_TAGS) if text else {}


def _checked(pairs: list[tuple[str, str]], limit: int) -> dict[str, str]:
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    if len(tags) > limit:
        raise AwsError("BadRequest", f"Tags cannot be greater than {limit}")
    for key, value in tags.items():
        if not 0 < len(key) <= 128 or key.startswith("aws:"):
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid")
        if len(value) > 256:
            raise AwsError("InvalidTag", "The TagValue you have provided is invalid")
    return tags


def _require(call: Call, verb: str) -> None:
    call.require(f"s3:{verb}Object{'Version' if 'versionId' in call.query else ''}Tagging")


def _store(call: Call, tags: dict[str, str], status: int) -> Response:
    row = versions.find(call)
    with call.account.blobs.change() as db:
        versions.update(db, row, "tags", json.dumps(tags))
    return Response(status, versions.id_header(call, row))
