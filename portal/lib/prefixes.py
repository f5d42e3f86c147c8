"""Prefixes of object keys in which a whole segment may be a star: `users/*/invoices/` is that folder of everybody."""

import re

SEGMENT = r"[A-Za-z0-9!_'()=.-]+"
FORM = re.compile(rf"{SEGMENT}/(?:(?:{SEGMENT}|\*)/)*")
SAYS = "a prefix is segments that each end in a slash, the first one spelt out, such as users/*/invoices/"


def is_prefix(text: str) -> bool:
    """Whether it is one; `.` and `..` are no segments."""
    return FORM.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def is_under(prefix: str, key: str) -> bool:
    """Whether a key, or another prefix, lies under this one."""
    pattern = "/".join("[^/]+" if one == "*" else re.escape(one) for one in prefix.split("/"))
    return re.match(pattern, key) is not None


def narrowest(prefixes: frozenset[str], key: str) -> str:
    """The longest of the prefixes under which the key lies; an empty text where it lies under none."""
    return max((one for one in prefixes if is_under(one, key)), key=lambda one: (len(one), one), default="")
