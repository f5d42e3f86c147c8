"""What holds for every test of a move."""

from collections.abc import Iterator

import pytest

from lifecycle.stores import aws
from lifecycle.stores.objects import emptying

from .control.running import BUCKETS


@pytest.fixture(autouse=True)
def no_bucket_is_left() -> Iterator[None]:
    """The account is everybody's: who looks through the whole of it would look through each of these for ever."""
    yield
    while BUCKETS:
        side, name = BUCKETS.pop()
        emptying.empty(side, name)
        aws.unless_absent(aws.client(side, "s3").delete_bucket, Bucket=name)
