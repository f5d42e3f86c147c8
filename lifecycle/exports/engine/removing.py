"""Takes files of exports away: what abandoned attempts left, or all of one; under the eyes of the region's hold."""

from collections.abc import Callable, Iterator
from typing import Any

from lifecycle.stores import aws
from lifecycle.stores.errors import Permanent
from lifecycle.stores.objects.emptying import delete_page
from lifecycle.stores.postgres import fences
from lifecycle.stores.throttle import looking

from .place import SYSTEM, Place

PAGE = 1000


def remove(place: Place, keep: Callable[[str], bool], beat: Callable[[], None]) -> int:
    """Remove every file and open upload of the export but those to keep; returns how many. Held: none further goes."""
    gone = 0
    asked = looking(lambda: fences.refuse_held(place.region, place.tenant_id, "delete an export"))
    with aws.translated(SYSTEM, f"empty {place.prefix}"), asked:
        while some := next(_pages(place, keep), None):
            beat()
            if kept := delete_page(place.s3, place.bucket, some):
                raise Permanent(SYSTEM, "delete an export", f"{len(kept)} files were refused: {kept[0].reason}")
            gone += len(some)
        for upload in list(_uploads(place, keep)):
            aws.unless_absent(place.s3.abort_multipart_upload, Bucket=place.bucket, **upload)
            gone += 1
    return gone


def left(place: Place) -> int:
    """How many files and open uploads of the export are there."""
    with aws.translated(SYSTEM, f"list {place.prefix}"):
        nothing: Callable[[str], bool] = lambda key: False  # noqa: E731
        return sum(map(len, _pages(place, nothing))) + sum(1 for _ in _uploads(place, nothing))


def _pages(place: Place, keep: Callable[[str], bool]) -> Iterator[list[tuple[str, str]]]:
    """Versions by key and id, page by page of one listing; what removes them lists anew after each."""
    s3: Any = place.s3
    if aws.unless_absent(s3.head_bucket, Bucket=place.bucket) is None:
        return
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=place.bucket, Prefix=place.prefix):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        some = [(one["Key"], one["VersionId"]) for one in found if not keep(one["Key"])]
        if some:
            yield some


def _uploads(place: Place, keep: Callable[[str], bool]) -> Iterator[dict[str, str]]:
    if aws.unless_absent(place.s3.head_bucket, Bucket=place.bucket) is None:
        return
    for page in place.s3.get_paginator("list_multipart_uploads").paginate(Bucket=place.bucket, Prefix=place.prefix):
        yield from ({"Key": one["Key"], "UploadId": one["UploadId"]} for one in page.get("Uploads", []))
