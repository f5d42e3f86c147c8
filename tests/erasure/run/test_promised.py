"""What the platform had noted to be deleted and has not is erased with the person it may have been of, and counted."""

from uuid import uuid4

import pytest

from compliance.certificates.models import Certificate
from lifecycle.stores import aws

from .conftest import World
from .test_holds import work
from .test_kills import begun

pytestmark = pytest.mark.django_db(transaction=True)
NOTE = (
    "INSERT INTO rag.document_outbox (tenant_id, id, document_id, action, detail, created_at) VALUES (%s,"
    " gen_random_uuid(), %s, 'delete_object', jsonb_build_object('object_key', %s::text), now() - interval '5 min')"
)


def test_a_shared_document_that_is_half_deleted_does_not_outlive_the_certificate(world: World) -> None:
    s3, bucket, document = aws.client(world.region, "s3"), world.settled.names.bucket, uuid4()
    key = f"shared/documents/{document}/1"
    s3.put_object(Bucket=bucket, Key=key, Body=b"half deleted")
    world.settled.write(NOTE, world.settled.id, document, key)
    request, job = begun(world)
    work(world)
    request.refresh_from_db()
    assert request.state == "completed", (request.state, request.reasons)
    assert job.steps.get(name="shut_out").evidence["noted_to_be_deleted"] == 1
    keys = [one["Key"] for one in s3.list_object_versions(Bucket=bucket)["Versions"]]
    assert keys == [f"users/{world.settled.bob}/documents/kept/1"]
    [certificate] = Certificate.objects.filter(state="issued")
    [objects] = [one for one in certificate.certified.erasure.systems if one.name.startswith("objects-")]
    assert (objects.targeted, objects.residual) == (11, 0)
    assert not world.settled.ask("SELECT id FROM rag.document_outbox WHERE document_id = %s", document)
