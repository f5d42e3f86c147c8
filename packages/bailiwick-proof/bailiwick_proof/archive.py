"""The evidence archive: a zip whose bytes follow from its files alone, so that one digest stands for all of them.

Stored without compression, names sorted, every date 1980-01-01. `manifest/<system>.leaves` holds a system's leaf
hashes, 32 bytes each; `answers/` what verifiers were told, with keyed pseudonyms in place of names.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import IO

from .certificate import Evidence, Member
from .errors import Unproven

LEAVES = "manifest/{}.leaves"
CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of these files; the same files always give the same bytes."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            archive.writestr(info, files[name])
    return out.getvalue()


def described(files: Mapping[str, bytes], packed: bytes) -> Evidence:
    """What a core says of its archive."""
    members = tuple(Member(name, _digest(files[name]), len(files[name])) for name in sorted(files))
    return Evidence(_digest(packed), len(packed), members)


def require_same(file: IO[bytes], evidence: Evidence) -> None:
    """Raise Unproven unless these are the archive's bytes; says which file is another, where one can tell."""
    total, size = hashlib.sha256(), 0
    while piece := file.read(CHUNK):
        total.update(piece)
        size += len(piece)
    if (total.hexdigest(), size) != (evidence.digest, evidence.bytes):
        raise Unproven(f"the evidence archive is not the one of this certificate: {_which(file, evidence)}")


def member(file: IO[bytes], name: str) -> bytes:
    """The bytes of one file of an archive that `require_same` has passed."""
    with zipfile.ZipFile(file) as archive:
        return archive.read(name)


def _which(file: IO[bytes], evidence: Evidence) -> str:
    said = {one.name: one for one in evidence.members}
    try:
        with zipfile.ZipFile(file) as archive:
            there = {info.filename: info.file_size for info in archive.infolist()}
            if there.keys() != said.keys():
                return "it holds " + (", ".join(sorted(there.keys() ^ said.keys()))[:200]) + " or lacks it"
            for name, size in there.items():
                if size != said[name].bytes or _digest(archive.read(name)) != said[name].digest:
                    return f"{name} has changed"
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError) as error:
        return f"it cannot be read any more ({error})"
    return "its files are the same, the zip around them has changed"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
