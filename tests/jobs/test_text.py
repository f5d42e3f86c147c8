import time

import pytest

from portal.jobs.text import LINE, clean, describe, plain


@pytest.mark.parametrize(
    "text",
    [
        "connect postgresql://app:s3cr3t@db:5432/x",
        "PGPASSWORD=s3cr3t psql",
        'body {"password": "s3cr3t", "user": "x"}',
        "aws_secret_access_key = s3cr3t",
        "x-api-key: s3cr3t",
        "db_password='s3cr3t with blank'",
        "Authorization: Bearer s3cr3ts3cr3t",
        "sent eyJhbGciOiJ.s3cr3t.s3cr3t",
        "bwk_s3cr3ts3cr3t_abc",
        "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ns3cr3t",
    ],
)
def test_credentials_are_masked(text: str) -> None:
    assert "s3cr3t" not in clean(text)
    assert "***" in clean(text)


@pytest.mark.parametrize("text", ["bucket rag-alpha-01ab created", "no password given", "12 tokens counted", "a@b:c"])
def test_plain_text_is_left_alone(text: str) -> None:
    assert clean(text) == text


def test_bounds() -> None:
    assert clean("a\x00b") == "ab"
    assert len(clean("x" * 10**6)) == LINE
    assert describe(ValueError()) == "ValueError"
    assert plain({"a": "x\x00y", "b": (1, 2)}) == {"a": "xy", "b": [1, 2]}
    assert plain({"a": "\\u0000 written out"}) == {"a": "\\u0000 written out"}


@pytest.mark.parametrize("piece", ["x", "password", "password ", "://a:", "eyJ-", "-----BEGIN A-----", "token=", "\"'"])
def test_masking_long_foreign_text_is_quick(piece: str) -> None:
    start = time.perf_counter()
    clean(piece * (10**6 // len(piece)))
    assert time.perf_counter() - start < 0.5
