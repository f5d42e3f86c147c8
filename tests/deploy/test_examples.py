"""The guides' examples do what they say: Python against a registry, the verifier's commands on files as they come."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bailiwick_proof.merkle import root
from bailiwick_proof.receipt import Receipt
from bailiwick_verify.__main__ import main as bailiwick_verify

from portal.embedded.stack import Stack
from tests.compliance.certificates.conftest import Kit, kit  # noqa: F401 - a fixture
from tests.deploy.rendering import DEPLOY
from tests.deploy.test_guides import blocks
from tests.registry_server import RegistryServer, serving, snapshot
from tests.verify.builder import POLICY, Ledger
from tests.verify.test_migration import RECORD, sealed

DOCS = DEPLOY.parent / "docs"
TENANT = "0198c0de-0000-7000-8000-00000000000a"
TOLD = """\
active bronze ap-south-1 1
404
100000 100000 20000 100
5000000000 bytes
None None
200 7 ['reranking']
eu-west-1 at 2
True
"""


@pytest.fixture
def portal() -> Iterator[RegistryServer]:
    with serving() as server:
        about = {"flags": {"wide-search": {"value": True, "variant": "on"}}, "features": ["reranking"]}
        server.snapshots[TENANT] = snapshot(TENANT, config={"retrieval": {"passages": 7}}, **about)
        server.posts["/api/v1/usage/"] = []
        yield server


def test_the_integration_guide_runs_from_top_to_bottom(portal: RegistryServer, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(portal.token)

    def move_to(owner: str, epoch: int) -> None:
        portal.snapshots[TENANT] |= {"region": owner, "routing_epoch": epoch, "config_version": epoch}

    given: dict[str, Any] = {"PORTAL": portal.url, "TOKEN_FILE": tmp_path / "token", "COPY": tmp_path / "copy.json"}
    given |= {"TENANT": TENANT, "move_to": move_to}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for code in blocks(DOCS / "integration.md", "python"):
            exec(code, given)
    assert said.getvalue() == TOLD
    with psycopg.connect(**stack.superuser_kwargs("ap-south-1")) as connection:
        given["become"](connection, "rag_platform", 7)
        who = connection.execute("SELECT current_user, current_setting('bw.epoch')").fetchone()
    assert who == ("rag_platform", "7")
    assert portal.posts["/api/v1/usage/"][0]["deltas"][0]["metric"] == "queries"


@pytest.fixture
def files(kit: Kit, tmp_path: Path) -> Path:  # noqa: F811
    """What an auditor was given."""
    ledger = Ledger().run(3)
    ledger.write(tmp_path / "export")

    def hash_at(level: int, index: int) -> bytes:
        return root(ledger.leaves[index << level : (index + 1) << level])

    size = max(ledger.witnessed)
    proof = Receipt.build(7, ledger.witnessed[size], hash_at, ledger.entries[7]).encode()
    named = {
        "policy.json": POLICY.encode(),
        "approval.tlog-proof": proof,
        "MV-0007.json": sealed(RECORD),
        "certificate.pdf": kit.pdf,
        "trust.json": kit.trust.encode(),
        "status.json": kit.status,
        "evidence.zip": kit.archive,
    }
    for name, data in named.items():
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return tmp_path


@pytest.mark.django_db
def test_the_auditors_commands_verify_what_they_are_given(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    lines = [line for code in blocks(DOCS / "auditors.md", "verify") for line in code.splitlines()]
    assert {shlex.split(line)[1] for line in lines} == {"ledger", "receipt", "migration", "certificate"}
    for line in lines:
        assert bailiwick_verify(shlex.split(line)[1:]) == 0, line


@pytest.mark.django_db
def test_and_refuse_what_was_touched(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    [stored] = (files / "export" / "entries").iterdir()
    stored.write_bytes(stored.read_bytes().replace(b"person-3", b"person-4", 1))
    (files / "MV-0007.json").write_bytes((files / "MV-0007.json").read_bytes().replace(b"eu-west-1", b"us-east-1", 1))
    data = (files / "certificate.pdf").read_bytes()
    (files / "certificate.pdf").write_bytes(data[:-200] + bytes([data[-200] ^ 1]) + data[-199:])
    for line in [line for code in blocks(DOCS / "auditors.md", "verify") for line in code.splitlines()]:
        if "receipt" not in line:
            assert bailiwick_verify(shlex.split(line)[1:]) in (1, 2), line


def test_the_packages_readme_and_the_guide_agree_on_exit_codes() -> None:
    said = re.search(r"Exit codes: (.+)", (DOCS / "auditors.md").read_text())
    assert said and [one.split()[0] for one in said[1].split(" · ")] == ["0", "1", "2", "3"]
