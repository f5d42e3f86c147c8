"""Writes dicts as XML and reads small XML documents; entity declarations are refused, so nothing can expand."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .errors import AwsError

HEADER = b'<?xml version="1.0" encoding="UTF-8"?>\n'
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def document(tag: str, value: Any, namespace: str = "", members: bool = False) -> bytes:
    """A whole document. Lists repeat their element (S3) or become `<member>` children (IAM) when `members`."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    return HEADER + f"<{tag}{attribute}>{_content(value, members)}</{tag}>".encode()


def read(body: bytes) -> ElementTree.Element:
    """The root element, namespaces stripped; anything malformed is MalformedXML."""
    if b"<!" in body:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed.")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed.") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _content(value: Any, members: bool) -> str:
    if isinstance(value, dict):
        return "".join(_child(tag, item, members) for tag, item in value.items() if item is not None)
    if isinstance(value, bool):
        return "true" if value else "false"
    return CONTROL.sub(lambda found: f"&#x{ord(found[0]):x};", escape(str(value)))


def _child(tag: str, value: Any, members: bool) -> str:
    if isinstance(value, list):
        if members:
            return f"<{tag}>" + "".join(_child("member", item, True) for item in value) + f"</{tag}>"
        return "".join(_child(tag, item, False) for item in value)
    return f"<{tag}>{_content(value, members)}</{tag}>"
