"""Checkpoints (c2sp.org/tlog-checkpoint): a log's signed word that its tree of `size` leaves has this root.

Ours carry one extension line, `at <RFC 3339 time>`, when the checkpoint was sealed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from .encoding import to_base64, to_hash, to_number
from .errors import Malformed, Unproven
from .keys import WITNESS, SigningKey, VerifierKey
from .note import Note, Signed
from .policy import Policy


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of its tree."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the text of a checkpoint's note."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise Malformed("a checkpoint has at least three lines, none empty")
        return cls(lines[0], to_number(lines[1]), to_hash(lines[2]), tuple(lines[3:]))

    @classmethod
    def sealed(cls, origin: str, size: int, root: bytes, at: datetime) -> "Checkpoint":
        """Return the checkpoint of a tree sealed at `at`, an aware time."""
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return cls(origin, size, root, (f"at {stamp}",))

    @property
    def text(self) -> str:
        """The text a signature covers."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions))

    @property
    def at(self) -> datetime | None:
        """When it says to have been sealed; None when it does not say."""
        for line in self.extensions:
            if line.startswith("at "):
                return _time(line[3:])
        return None

    def sign(self, *keys: SigningKey) -> bytes:
        """Return the signed note; several keys while one is being replaced by the next."""
        note = Note(self.text)
        for key in keys:
            note = note.signed(key)
        return note.encode()


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that the policy believes, and who signed it."""

    checkpoint: Checkpoint
    signers: tuple[Signed, ...]

    @property
    def witnessed(self) -> dict[VerifierKey, datetime]:
        """When each trusted witness says to have seen it."""
        times = ((one.key, one.timestamp) for one in self.signers if one.key.kind == WITNESS)
        return {key: datetime.fromtimestamp(at, UTC) for key, at in times if at is not None}


def read_checkpoint(data: bytes) -> Checkpoint:
    """Return what a signed checkpoint says, believed or not: to file it, never to act on it."""
    return Checkpoint.parse(Note.parse(data).text)


def open_checkpoint(data: bytes, policy: Policy, quorum: int | None = None) -> Opened:
    """Return the checkpoint if the policy believes it, else raise Malformed or Unproven.

    `quorum` replaces the policy's number of witnesses: 0 where cosignatures are kept elsewhere.
    """
    note = Note.parse(data)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != policy.origin:
        raise Unproven(f"a checkpoint of {checkpoint.origin!r}, not of {policy.origin!r}")
    return Opened(checkpoint, tuple(policy.signers(note, checkpoint.size, quorum)))


def cosign(data: bytes, witness: SigningKey, at: datetime) -> bytes:
    """Return the signed checkpoint with the witness's cosignature; the witness has checked consistency before."""
    return Note.parse(data).signed(witness, int(at.timestamp())).encode()


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"not a time: {text[:40]!r}") from error
    if at.tzinfo is None:
        raise Malformed(f"a time without its zone: {text[:40]!r}")
    return at
