"""Notes, keys, checkpoints and policies are read as other implementations write them, and strictly."""

from datetime import UTC, datetime

import pytest
from bailiwick_proof.checkpoint import Checkpoint, cosign, open_checkpoint
from bailiwick_proof.errors import Malformed, Unproven
from bailiwick_proof.keys import WITNESS, SigningKey, VerifierKey, generate
from bailiwick_proof.merkle import EMPTY_ROOT
from bailiwick_proof.note import Note
from bailiwick_proof.policy import LogKey, Policy
from hypothesis import given
from hypothesis import strategies as st

from .builder import AUDITOR, LOG, ORIGIN, POLICY, START, STRANGER

# The example of Go's golang.org/x/mod/sumdb/note.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"  # published with it
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6Ryy"
    "BwJnAM=\n"
).encode()

# A checkpoint of a public log with signatures of kinds we do not know and one of a public witness.
PUBLIC = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
""".encode()  # noqa: E501 (as it was published)
PUBLIC_POLICY = Policy(
    "arche2025h1.staging.ct.transparency.dev",
    (
        LogKey(
            VerifierKey.parse(
                "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
            )
        ),
    ),
    (VerifierKey.parse("remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"),),
    1,
)
SEALED = Checkpoint.sealed(ORIGIN, 0, EMPTY_ROOT, START)
SIGNED = cosign(SEALED.sign(LOG), AUDITOR, START)


def test_a_note_of_go() -> None:
    key, note = VerifierKey.parse(GO_KEY), Note.parse(GO_NOTE)
    assert (str(key), note.text, note.encode()) == (GO_KEY, GO_TEXT, GO_NOTE)
    assert [one.key for one in note.verified([key])] == [key]
    assert Note(GO_TEXT).signed(SigningKey.parse(GO_SECRET)).encode() == GO_NOTE


def test_a_checkpoint_of_a_public_log() -> None:
    opened = open_checkpoint(PUBLIC, PUBLIC_POLICY)
    assert opened.checkpoint.size == 1432088532
    assert list(opened.witnessed.values()) == [datetime.fromtimestamp(0x6A122120, UTC)]
    with pytest.raises(Unproven, match="is wrong"):
        open_checkpoint(PUBLIC.replace(b"1432088532", b"1432088533"), PUBLIC_POLICY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        GO_NOTE[:-1],
        GO_NOTE.replace("—".encode(), b"-"),
        GO_NOTE.replace(b" PeterNeumann ", b" Peter Neumann "),
        GO_NOTE.replace(b" PeterNeumann ", b" Peter+Neumann "),
        GO_NOTE.replace(b" PeterNeumann ", "\u2003 ".encode()),
        GO_NOTE.replace(b"M=\n", b"N=\n"),  # the same bytes in another spelling
        GO_NOTE.replace(b"answer", b"ans\rwer"),
        GO_NOTE.replace(b"answer", b"ans\xffwer"),
        GO_NOTE + b"\n",
        b"x" * 70_000 + GO_NOTE,
        GO_NOTE + GO_NOTE.rsplit(b"\n\n", 1)[1] * 64,
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    with pytest.raises(Malformed):
        Note.parse(data)


@pytest.mark.parametrize(
    "text", ["", "a+b", GO_KEY[:-1], GO_KEY.replace("c74f20a3", "c74f20a4"), GO_KEY.replace("AR", "AX")]
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(Malformed):
        VerifierKey.parse(text)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_a_byte_changed_anywhere_is_refused(at: int, by: int) -> None:
    with pytest.raises((Malformed, Unproven)):
        open_checkpoint(SIGNED[:at] + bytes([SIGNED[at] ^ by]) + SIGNED[at + 1 :], POLICY)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n1\n",
        "origin\n01\n" + "A" * 43 + "=\n",
        "origin\n-1\n" + "A" * 43 + "=\n",
        "origin\n٣\n" + "A" * 43 + "=\n",
        "origin\n9999999999999999999\n" + "A" * 43 + "=\n",
        "\n1\n" + "A" * 43 + "=\n",
        "origin\n1\nAAAA\n",
        "origin\n1\n" + "A" * 43 + "=\n\nmore\n",
        "origin\n1\n" + "A" * 43 + "=",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse(text)


def test_a_checkpoint_says_when() -> None:
    assert Checkpoint.parse(SEALED.text) == SEALED
    assert SEALED.at == START
    assert Checkpoint(ORIGIN, 0, EMPTY_ROOT).at is None
    with pytest.raises(Malformed):
        _ = Checkpoint(ORIGIN, 0, EMPTY_ROOT, ("at noon",)).at


def test_whom_the_policy_believes() -> None:
    assert len(open_checkpoint(SIGNED, POLICY).signers) == 2
    with pytest.raises(Unproven, match="0 of 1 witnesses"):
        open_checkpoint(SEALED.sign(LOG), POLICY)
    assert open_checkpoint(SEALED.sign(LOG), POLICY, quorum=0).checkpoint == SEALED
    with pytest.raises(Unproven, match="no trusted key signed"):
        open_checkpoint(SEALED.sign(STRANGER), POLICY, quorum=0)
    with pytest.raises(Unproven, match="no trusted key of the log"):
        open_checkpoint(cosign(SEALED.sign(STRANGER), AUDITOR, START), POLICY)
    with pytest.raises(Unproven, match="not of"):
        open_checkpoint(Checkpoint("elsewhere", 0, EMPTY_ROOT).sign(LOG), POLICY, quorum=0)


def test_a_rotated_key_signs_in_its_term_only() -> None:
    policy = Policy(ORIGIN, (LogKey(LOG.verifier, 0, 10), LogKey(STRANGER.verifier, 11)))
    assert Policy.parse(policy.encode()) == policy
    for size, key in ((10, LOG), (11, STRANGER)):
        open_checkpoint(Checkpoint(ORIGIN, size, EMPTY_ROOT).sign(key), policy)
    for size, key in ((11, LOG), (10, STRANGER)):
        with pytest.raises(Unproven):
            open_checkpoint(Checkpoint(ORIGIN, size, EMPTY_ROOT).sign(key), policy)
    open_checkpoint(Checkpoint(ORIGIN, 10, EMPTY_ROOT).sign(LOG, STRANGER), policy)


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: plain.replace(b'"quorum": 1', b'"quorum": 2'),
        lambda plain: plain.replace(b'"quorum": 1', b'"quorum": true'),
        lambda plain: plain.replace(b'"quorum"', b'"qourum"'),
        lambda plain: plain.replace(b'"origin": "bailiwick', b'"origin": "other'),
        lambda plain: plain.replace(str(LOG.verifier).encode(), str(AUDITOR.verifier).encode()),
        lambda plain: plain[:-3],
        lambda plain: b"[]",
        lambda plain: b"\xff",
    ],
)
def test_what_is_no_policy(change: object) -> None:
    assert Policy.parse(POLICY.encode()) == POLICY
    with pytest.raises(Malformed):
        Policy.parse(change(POLICY.encode()))  # type: ignore[operator]


def test_a_witness_signs_with_a_time_and_a_log_without() -> None:
    with pytest.raises(ValueError, match="with a time"):
        AUDITOR.sign("text\n")
    with pytest.raises(ValueError, match="with a time"):
        LOG.sign("text\n", 1)
    far = Note(SEALED.text).signed(LOG).signed(AUDITOR, 1 << 62).encode()
    with pytest.raises(Unproven, match="at no time"):
        open_checkpoint(far, POLICY)


def test_a_key_in_a_module_elsewhere() -> None:
    """Signing needs no private bytes here, only somebody who signs."""
    held = SigningKey.parse(generate("auditor.test/hsm", WITNESS))
    assert SigningKey(held.verifier, held.sign_bytes).sign("text\n", 1) == held.sign("text\n", 1)
    assert "sign_bytes" not in repr(held)
