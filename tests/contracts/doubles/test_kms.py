"""Keys: what they encrypt opens only with them, and a key that is off refuses everywhere, S3 and Logs included."""

from typing import Any
from uuid import uuid4

import pytest

from .aws import Aws, allow, on_bucket, refusal


@pytest.fixture
def kms(double: Aws) -> Any:
    return double.client("kms")


@pytest.fixture
def key(kms: Any) -> str:
    return str(kms.create_key(Tags=[{"TagKey": "TenantID", "TagValue": "t"}])["KeyMetadata"]["Arn"])


def _encrypted_bucket(double: Aws, key: str) -> str:
    bucket = double.new_bucket()
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}
    double.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    return bucket


def test_only_the_same_key_and_context_open_a_ciphertext(kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    sealed = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"a": "1"})["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext={"a": "1"})["Plaintext"] == b"secret"
    assert refusal(kms.decrypt, CiphertextBlob=sealed)[0] == "InvalidCiphertextException"
    assert refusal(kms.decrypt, CiphertextBlob=sealed, KeyId=other)[0] == "IncorrectKeyException"
    assert refusal(kms.decrypt, CiphertextBlob=b"nonsense")[0] == "InvalidCiphertextException"
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert len(made["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_aliases_and_tags(kms: Any, key: str) -> None:
    alias = f"alias/rag-{uuid4().hex}"
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"] == key
    assert refusal(kms.create_alias, AliasName=alias, TargetKeyId=key)[0] == "AlreadyExistsException"
    assert [item["AliasName"] for item in kms.list_aliases(KeyId=key)["Aliases"]] == [alias]
    kms.delete_alias(AliasName=alias)
    assert refusal(kms.describe_key, KeyId=alias)[0] == "NotFoundException"
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": "Owner", "TagValue": "o"}])
    kms.untag_resource(KeyId=key, TagKeys=["TenantID"])
    assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "Owner", "TagValue": "o"}]


def test_a_disabled_key_refuses_everything_until_it_is_enabled(double: Aws, kms: Any, key: str) -> None:
    s3, bucket = double.client("s3"), _encrypted_bucket(double, key)
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", key)
    kms.disable_key(KeyId=key)
    assert refusal(kms.encrypt, KeyId=key, Plaintext=b"x")[0] == "DisabledException"
    assert refusal(s3.get_object, Bucket=bucket, Key="k")[0] == "KMS.DisabledException"
    assert refusal(s3.put_object, Bucket=bucket, Key="new", Body=b"x")[0] == "KMS.DisabledException"
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 1
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_key_waits_seven_days_at_least_and_refuses_meanwhile(double: Aws, kms: Any, key: str) -> None:
    s3, bucket = double.client("s3"), _encrypted_bucket(double, key)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    refused = refusal(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6)
    assert refused[0] == "ValidationException"
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refusal(kms.enable_key, KeyId=key)[0] == "KMSInvalidStateException"
    assert refusal(s3.get_object, Bucket=bucket, Key="k")[0] == "KMS.KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_reading_needs_the_right_to_decrypt(double: Aws, key: str) -> None:
    bucket = _encrypted_bucket(double, key)
    double.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    read = allow("s3:GetObject", *on_bucket(bucket))
    without, with_key = double.new_user(read), double.new_user(read, allow("kms:Decrypt", key))
    assert refusal(without.client("s3").get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    assert with_key.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    refused = refusal(with_key.client("kms").disable_key, KeyId=key)
    assert refused == ("AccessDeniedException", 400)
