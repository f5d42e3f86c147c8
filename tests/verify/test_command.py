"""The command's exit codes and words; the packages install alone and speak to nobody."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bailiwick_proof.merkle import root
from bailiwick_proof.receipt import SUFFIX, Receipt
from bailiwick_verify.__main__ import main

from tests.meta.source import ROOT

from .builder import POLICY, Ledger


@pytest.fixture
def policy(tmp_path: Path) -> str:
    path = tmp_path / "policy.json"
    path.write_bytes(POLICY.encode())
    return str(path)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return Ledger().run(3).write(tmp_path / "export")


def test_an_intact_export(export: Path, policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", str(export), "--policy", policy]) == 0
    said = capsys.readouterr().out
    assert "60  bodies hashed" in said
    assert "What this does not prove" in said
    assert "!!" not in said


def test_keys_from_the_export_are_circular(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", str(export)]) == 0
    assert "THE KEYS CAME FROM THE EXPORT ITSELF" in capsys.readouterr().out


def test_a_touched_export(export: Path, policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    entries = export / "entries" / "000000000000.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b"person-3", b"person-4", 1))
    assert main(["ledger", str(export), "--policy", policy, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert [(one["attack"], one["first"], one["id"]) for one in found["findings"]] == [("edited", 2, 3)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda export: shutil.rmtree(export),
        lambda export: (export / "entries" / "000000000000.jsonl").unlink(),
        lambda export: (export / "checkpoint").unlink(),
        lambda export: (export / "policy.json").write_text("{}"),
        lambda export: (export / "retired.json").write_text("[1]"),
        lambda export: (export / "leaves" / "000000000000.bin").write_bytes(bytes(31)),
        lambda export: (export / "anchors" / "entries" / "notes.txt").write_text(""),
        lambda export: [path.rename(path.with_stem("000000000007")) for path in export.glob("*s/000000000000.*")],
    ],
)
def test_what_cannot_be_read(export: Path, spoil: object, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(export)  # type: ignore[operator]
    assert main(["ledger", str(export)]) == 2
    assert capsys.readouterr().err.startswith("bailiwick-verify: ")


def test_a_receipt(tmp_path: Path, policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger().run(2)

    def hash_at(level: int, index: int) -> bytes:
        return root(ledger.leaves[index << level : (index + 1) << level])

    path, entry = tmp_path / f"approval{SUFFIX}", tmp_path / "entry"
    path.write_bytes(Receipt.build(7, ledger.witnessed[40], hash_at, ledger.entries[7]).encode())
    entry.write_bytes(ledger.entries[8])
    assert main(["receipt", str(path), "--policy", policy]) == 0
    assert "Entry 7 is in bailiwick.test/ledger as of 40 entries" in capsys.readouterr().out
    assert main(["receipt", str(path), "--entry", str(entry), "--policy", policy]) == 1
    assert main(["receipt", str(entry), "--policy", policy]) == 2
    assert main(["receipt", str(tmp_path / "none"), "--policy", policy]) == 2


ALONE = """
import sys
def refuse(event, arguments):
    if event.startswith("socket.") or event == "import" and arguments[0].split(".")[0] in REFUSED:
        raise SystemExit(f"{event} {arguments}")
REFUSED = {"django", "portal", "tenants", "compliance", "lifecycle", "httpx"}
sys.addaudithook(refuse)
from bailiwick_verify.__main__ import main
import bailiwick_verify
assert bailiwick_verify.__file__.startswith(sys.argv[1]), bailiwick_verify.__file__
sys.exit(main(["ledger", sys.argv[2]]))
"""


def _pip_install() -> list[str]:
    """uv where it is: it needs a third of pip's time."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    return [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]


def test_it_installs_alone_and_speaks_to_nobody(export: Path, tmp_path: Path) -> None:
    """From a copy, because setuptools builds in the source directory."""
    sources = [str(shutil.copytree(ROOT / "packages" / name, tmp_path / name)) for name in PACKAGES]
    target = tmp_path / "installed"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([*_pip_install(), *options, *sources], check=True, capture_output=True, timeout=120)
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, str(target), str(export)],
        cwd=tmp_path, env={"PYTHONPATH": str(target)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (target / "bin" / "bailiwick-verify").exists()


PACKAGES = ("bailiwick-proof", "bailiwick-verify")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_readme_works(name: str, export: Path) -> None:
    examples = (ROOT / "packages" / name / "README.md").read_text().split("```python\n")[1:]
    assert examples
    for example in examples:
        paths = ":".join(str(ROOT / "packages" / package) for package in PACKAGES)
        subprocess.run(
            [sys.executable, "-c", example.split("```")[0]],
            check=True,
            cwd=export.parent,
            env={"PYTHONPATH": paths},
            timeout=60,
        )
