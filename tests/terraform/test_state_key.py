"""States lie under the states' own key: in what Terraform is told, in the bucket's default, and in what HEAD says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lifecycle.provisioning import subject
from lifecycle.provisioning.terraform import backend as state
from lifecycle.provisioning.terraform import commands
from lifecycle.provisioning.terraform.run import Run, prepare
from lifecycle.provisioning.terraforming import must_succeed
from portal.jobs.errors import Permanent
from portal.lib.regions import Region
from tests.terraform.conftest import INPUTS

ALIAS = "alias/bailiwick-state"


def test_a_written_state_is_sealed_and_one_that_is_not_is_refused(
    backend: state.Backend, new_run: Callable[..., Run], tmp_path: Path
) -> None:
    sealed = state.ensure_bucket(replace(backend, kms_key_id=ALIAS))
    assert sealed.kms_key_id.startswith("arn:aws:kms:") and state.ensure_bucket(sealed) == sealed
    assert state.ensure_bucket(replace(backend, kms_key_id=ALIAS)) == sealed, "asked twice it is one key"
    named, s3 = new_run().names, sealed.client()
    run = prepare(tmp_path / "sealed", names=named, inputs=INPUTS, backend=sealed)
    commands.init(run)
    commands.plan(run)
    result = commands.apply(run)
    must_succeed(run, result)
    head: Any = s3.head_object(Bucket=sealed.bucket, Key=named.state_key)  # type: ignore[attr-defined]
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", sealed.kms_key_id)
    assert state.fault_of_sealing(replace(sealed, kms_key_id=ALIAS), named.state_key) == ""

    itself = {"Bucket": sealed.bucket, "Key": named.state_key}
    s3.copy_object(**itself, CopySource=itself, ServerSideEncryption="AES256", MetadataDirective="REPLACE")  # type: ignore[attr-defined]
    with pytest.raises(Permanent, match=r"apply went well, but its state is encrypted with AES256, not with arn:aws"):
        must_succeed(run, result)


def test_the_key_is_a_setting_and_only_a_simulated_account_makes_it(settings: Any, backend: state.Backend) -> None:
    settings.STATES = {"bucket": "rag-state-123456789012", "kms_key_id": ALIAS}
    made = subject.backend()
    assert (made.bucket, made.kms_key_id) == ("rag-state-123456789012", ALIAS)
    told = replace(made, kms_key_id="arn:aws:kms:ap-south-1:123456789012:key/one").configuration("k")
    assert told["kms_key_id"] == "arn:aws:kms:ap-south-1:123456789012:key/one" and told["encrypt"]
    unknown = replace(backend, kms_key_id="0197a3b4-5c6d-7e8f-9a0b-1c2d3e4f5a6b")
    with pytest.raises(Exception, match="NotFoundException"):
        state.ensure_bucket(unknown)


def test_on_aws_the_bucket_is_looked_at_and_never_made(
    backend: state.Backend, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name belongs to the whole world: made here it could be missing a policy, or be somebody else's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", region.aws.endpoint_url)
    made = replace(backend, bucket=f"rag-state-{uuid4().hex[:12]}", kms_key_id=ALIAS)
    real = replace(made, endpoint_url=None)
    with pytest.raises(state.Unfit, match="answers 404: terraform/bootstrap makes it, BAILIWICK_STATE_BUCKET names it"):
        state.ensure_bucket(real)
    sealed = state.ensure_bucket(made)
    assert state.ensure_bucket(real) == replace(sealed, endpoint_url=None)
    s3: Any = made.client()
    s3.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Suspended"})
    with pytest.raises(state.Unfit, match="keeps no versions"):
        state.ensure_bucket(real)
    s3.delete_bucket(Bucket=made.bucket)
