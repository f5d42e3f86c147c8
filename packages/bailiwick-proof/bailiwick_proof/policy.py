"""Whom a verifier trusts: the log's keys, the witnesses' keys and how many witnesses must have signed.

    {"origin": "bailiwick.example/ledger", "quorum": 1,
     "log_keys": ["<vkey>", {"key": "<vkey>", "from": 0, "until": 4096}], "witness_keys": ["<vkey>"]}

`from` and `until` are tree sizes, both included: the checkpoints a rotated key may have signed.
"""

import json
from dataclasses import dataclass
from typing import Any

from .errors import Malformed, Unproven
from .keys import LOG, WITNESS, VerifierKey
from .note import Note, Signed

_NO_END = 1 << 63


@dataclass(frozen=True, slots=True)
class LogKey:
    """A key of the log and the tree sizes it may sign for."""

    key: VerifierKey
    first: int = 0
    last: int = _NO_END

    def plain(self) -> str | dict[str, Any]:
        """What stands for it in policy.json."""
        if not self.first and self.last == _NO_END:
            return str(self.key)
        until = {} if self.last == _NO_END else {"until": self.last}
        return {"key": str(self.key), "from": self.first, **until}


@dataclass(frozen=True, slots=True)
class Policy:
    """A verifier's trust in one log."""

    origin: str
    log_keys: tuple[LogKey, ...]
    witness_keys: tuple[VerifierKey, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        if not self.origin or not self.log_keys:
            raise Malformed("a policy names an origin and at least one log key")
        if any(log.key.name != self.origin or log.key.kind != LOG for log in self.log_keys):
            raise Malformed("a log key is of type 1 and carries the origin as its name")
        if any(key.kind != WITNESS for key in self.witness_keys):
            raise Malformed("a witness key is of type 4")
        public = [log.key.public for log in self.log_keys] + [key.public for key in self.witness_keys]
        if len(set(public)) != len(public):
            raise Malformed("a key stands twice in the policy")
        if not 0 <= self.quorum <= len(self.witness_keys):
            raise Malformed("the quorum is larger than the number of witnesses")

    @classmethod
    def parse(cls, data: bytes | str) -> "Policy":
        """Read policy.json; unknown members are Malformed, a misspelt one must not weaken the policy."""
        try:
            found = json.loads(data)
            wanted = {"origin", "log_keys", "witness_keys", "quorum"}
            if not isinstance(found, dict) or set(found) != wanted or not isinstance(found["origin"], str):
                raise Malformed(f"a policy has exactly the members {', '.join(sorted(wanted))}")
            logs = tuple(_log_key(item) for item in found["log_keys"])
            witnesses = tuple(VerifierKey.parse(item) for item in found["witness_keys"])
            return cls(found["origin"], logs, witnesses, _integer(found["quorum"]))
        except (TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise Malformed(f"not a policy: {error}") from error

    def encode(self) -> bytes:
        """Return policy.json."""
        plain = {
            "origin": self.origin,
            "log_keys": [log.plain() for log in self.log_keys],
            "witness_keys": [str(key) for key in self.witness_keys],
            "quorum": self.quorum,
        }
        return (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()

    def signers(self, note: Note, size: int, quorum: int | None = None) -> list[Signed]:
        """Return the trusted signers of a checkpoint of this size: a log key in its term and `quorum` witnesses."""
        needed = self.quorum if quorum is None else quorum
        logs = [log.key for log in self.log_keys if log.first <= size <= log.last]
        signed = note.verified([*logs, *self.witness_keys])
        witnesses = sum(one.key.kind == WITNESS for one in signed)
        if witnesses == len(signed):
            raise Unproven("no trusted key of the log signed this")
        if witnesses < needed:
            raise Unproven(f"{witnesses} of {needed} witnesses signed this")
        return signed


def _log_key(item: Any) -> LogKey:
    if isinstance(item, str):
        return LogKey(VerifierKey.parse(item))
    if set(item) - {"key", "from", "until"}:
        raise Malformed("a log key has the members key, from, until")
    key = VerifierKey.parse(item["key"]) if "key" in item else None
    if key is None:
        raise Malformed("a log key without key")
    return LogKey(key, _integer(item.get("from", 0)), _integer(item.get("until", _NO_END)))


def _integer(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise Malformed(f"not a number: {value!r}")
    return value
