"""An export as one zip that is never whole anywhere here: file by file out of the store, straight to who takes it."""

import json
from collections.abc import Iterator
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from django.http import StreamingHttpResponse

from lifecycle.naming.queries import names_in
from lifecycle.provisioning.subject import region_named

from .engine.manifest import INDEX, MANIFEST, PROOF, folder_of
from .engine.place import Place, place_of
from .engine.writing import lines, read
from .models import Export

ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same export is the same zip, whenever it is fetched


class Wire:
    """Takes what the zip writes and gives it to who sends it. It cannot be sought in."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None: ...

    def taken(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


def answer(found: Export) -> StreamingHttpResponse:
    """Stream it. The place is looked up now, so what is wrong with it is said before the first byte."""
    region = region_named(found.region)
    place = place_of(region, names_in(found.tenant, region.name), found.prefix)
    name = f"{found}-{found.tenant.name}.zip".lower()
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(zipped(place, found.places), content_type="application/zip", headers=headers)


def zipped(place: Place, places: dict[str, str]) -> Iterator[bytes]:
    """The zip, block by block: the papers first, then every file that the index names."""
    wire = Wire()
    with ZipFile(wire, "w", ZIP_STORED, allowZip64=True) as archive:  # type: ignore[call-overload]  # write is all it needs
        for path in _paths(place, places):
            entry = ZipInfo(path, ALWAYS)
            entry.compress_type = ZIP_DEFLATED if path.endswith(("l", ".json", ".txt")) else ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as file:
                for block in read(place, places[folder_of(path)], path):
                    file.write(block)
                    yield wire.taken()
            yield wire.taken()
    yield wire.taken()


def _paths(place: Place, places: dict[str, str]) -> Iterator[str]:
    yield from (MANIFEST, PROOF, INDEX)
    for line in lines(read(place, places[""], INDEX)):
        yield json.loads(line)["path"]
