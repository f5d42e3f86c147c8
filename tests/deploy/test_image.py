"""The image holds what the product needs and no more, and each process starts by the command that is written down."""

import ast
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from portal.embedded import services
from portal.embedded.environment import Address
from portal.embedded.home import Home
from portal.embedded.passwords import Passwords
from portal.embedded.ports import Ports
from portal.embedded.stack import Stack
from tests.deploy.rendering import DEPLOY, pods

ROOT = DEPLOY.parent
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
COPIED = re.findall(r"^COPY (?!--)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
NAMED = re.compile(r'(?:\benv|environ\.get)\(\s*"([A-Z][A-Z0-9_]+)"|environ\["([A-Z][A-Z0-9_]+)"\]')
# Whatever is not in the image's lock cannot be imported there, so nothing may be imported that is not in it.
ONLY_LOCKED = """
import importlib.metadata, re, sys
LOCK = sys.argv[1]
locked = {re.sub("[-_.]+", "-", line.split("==")[0]).lower() for line in open(LOCK) if re.match(r"[a-zA-Z]", line)}
homes = importlib.metadata.packages_distributions()
class Absent:
    def find_spec(self, name, path=None, target=None):
        owners = {re.sub("[-_.]+", "-", one).lower() for one in homes.get(name.partition(".")[0], ())}
        if owners and not owners & locked:
            raise ModuleNotFoundError(f"{name} is not in {LOCK}", name=name)
sys.meta_path.insert(0, Absent())
sys.argv[:] = ["-", *sys.argv[2:]]
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys as deploy/make_keys.py makes them."""
    made = tmp_path_factory.mktemp("made") / "keys"
    subprocess.run([sys.executable, str(DEPLOY / "make_keys.py"), str(made)], check=True, cwd=ROOT, env=_bare())
    return made


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    """What the Containerfile copies of the project, and beside it the home with the pages' files it makes."""
    app = tmp_path_factory.mktemp("image") / "app"
    app.mkdir()
    for line in COPIED:
        for name in line.split():
            source = ROOT / name.rstrip("/")
            if source.is_dir():
                shutil.copytree(source, app / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
            else:
                shutil.copy(source, app / name)
    made = python(app, "core.txt", MANAGE, "collectstatic", "--noinput", "-v0", env=production(keys, app.parent))
    assert made.returncode == 0, made.stderr
    return app


def production(keys: Path, home: Path, **more: str) -> dict[str, str]:
    """The environment of a process in production."""
    given = {
        "BAILIWICK_EMBEDDED": "0",
        "BAILIWICK_HOME": str(home),
        "BAILIWICK_SECRETS_DIR": str(keys / "keys"),
        "BAILIWICK_LEDGER_POLICY": str(keys / "keys" / "policy.json"),
        "BAILIWICK_PUBLIC_URL": "https://portal.example",
        "BAILIWICK_ALLOWED_HOSTS": "portal.example,bw-web.governance.svc",
        "BAILIWICK_TRUST_PROXY": "1",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": "postgresql://app@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    return {**_bare(), **given, **more}


def python(image: Path, lock: str, *script: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script in the image's files with nothing but what its lock names."""
    path = os.pathsep.join([str(image), *map(str, sorted(image.glob("packages/*/")))])
    code, *arguments = script
    command = [sys.executable, "-c", ONLY_LOCKED + code, str(ROOT / "requirements" / lock), *arguments]
    return subprocess.run(command, cwd=image, env={**env, "PYTHONPATH": path}, capture_output=True, text=True)


PROCESSES = """
import portal.wsgi, portal.celery, portal.jobs.dispatch, portal.audit.sealing.service
from django.core.management import call_command
portal.celery.app.loader.import_default_modules()
call_command("check", deploy=True, fail_level="WARNING")
try:
    import pytest
except ModuleNotFoundError:
    pass  # so the lines above mean something
else:
    sys.exit("what the lock does not name was found")
"""
MANAGE = "from django.core.management import execute_from_command_line as run; run(sys.argv)"


def test_the_files_and_packages_of_the_image_are_enough(image: Path, keys: Path) -> None:
    found = python(image, "core.txt", PROCESSES, env=production(keys, image.parent))
    assert found.returncode == 0, found.stderr


def test_a_worker_brings_the_region_provider(image: Path, keys: Path, tmp_path: Path) -> None:
    script = "import runpy; runpy.run_module('terraform.provider', run_name='__main__')"
    mirror = tmp_path / "mirror"
    made = python(image, "worker.txt", script, "install", "--mirror", str(mirror), env=production(keys, tmp_path))
    assert made.returncode == 0, made.stderr
    assert list(mirror.rglob("terraform-provider-region_v*"))
    loaded = python(image, "worker.txt", "import terraform.provider.provider", env=production(keys, tmp_path))
    assert loaded.returncode == 0, loaded.stderr


def test_production_reads_every_key_that_is_made_and_makes_none(keys: Path, tmp_path: Path) -> None:
    before = sorted(path.name for path in keys.rglob("*"))
    script = """
import django; django.setup()
from uuid import UUID
from django.conf import settings
from compliance.certificates.keys import pair
from compliance.erasing.pseudonyms import ledger_digest
from compliance.report import _key
from portal.access.jwt import public_jwk
from portal.audit.sealing import settings as ledger
from portal.notify.seal import seal, unseal
public_jwk(), _key(), pair(1), ledger_digest("tenant", UUID(int=0), None)
assert unseal(seal({"url": "x"})) == {"url": "x"}
settings.LEDGER["witness"] = settings.SECRETS_DIR.parent / "sealer"
settings.SECRETS_DIR = settings.LEDGER["witness"] / "keys"
assert ledger.keys().policy.encode() == ledger.policy()
"""
    read = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=production(keys, tmp_path), capture_output=True, text=True
    )
    assert read.returncode == 0, read.stderr
    assert sorted(path.name for path in keys.rglob("*")) == before
    again = subprocess.run([sys.executable, str(DEPLOY / "make_keys.py"), str(keys)], cwd=ROOT, capture_output=True)
    assert again.returncode != 0


def test_the_web_of_the_chart_answers_its_own_probes(stack: Stack, keys: Path, image: Path, db: None) -> None:
    pod = pods()["web"]["containers"][0]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in pod["command"]]
    env = production(keys, image.parent, DATABASE_URL=_test_database(), REDIS_URL=os.environ["REDIS_URL"])
    env["PYTHONPATH"] = os.pathsep.join([str(image), *map(str, sorted(image.glob("packages/*/")))])
    server = subprocess.Popen([sys.executable, "-m", *command], cwd=image, env=env, stderr=subprocess.PIPE, text=True)
    try:
        for name, expected in (("livenessProbe", 200), ("readinessProbe", 200)):
            asked = pod[name]["httpGet"]
            headers = {one["name"]: one["value"] for one in asked["httpHeaders"]}
            assert _status(server, port, asked["path"], headers) == expected
        assert _status(server, port, "/metrics", {"Host": "bw-web.governance.svc"}) == 200
        assert _status(server, port, "/health/live", {"Host": "somebody.else"}) == 400
        assert _status(server, port, "/accounts/", {"Host": "portal.example"}) == 301  # everything else wants TLS
    finally:
        server.terminate()
        server.communicate()


def test_processes_are_those_of_the_embedded_runtime(tmp_path: Path) -> None:
    home = Home(tmp_path)
    at = Address(home, Ports({}), Passwords(home), 8000)
    ours = {name: pod["containers"][0]["command"] for name, pod in pods().items()}
    theirs = {
        "web": services.web(at),
        "worker-jobs": services.worker(at),
        "scheduler": services.dispatcher(at),
        "sealer": services.sealer(at),
        "holder": services.holder(at),
    }
    for name, service in theirs.items():
        words = set(service.argv) - {services.PYTHON, "-m", "manage.py"}
        program = next(word for word in service.argv[1:] if word not in ("-m", "manage.py"))
        assert program in ours[name], name
        flags = {word for word in words if word.startswith("--")} - {
            "--graceful-timeout",
            "--access-logfile",
            "--access-logformat",
        }
        assert flags <= set(ours[name]), name
    assert ours["hot"][0] == ours["web"][0] and ours["migrate"] == ["python", "manage.py", "prepare"]


def test_compose_runs_the_same_processes() -> None:
    found = COMPOSE["services"]
    assert set(found) == {"postgres", "redis", "prepare", "web", "hot", "worker", "dispatcher", "sealer", "holder"}
    charts = {name: pod["containers"][0]["command"] for name, pod in pods().items()}
    assert found["hot"]["command"] == charts["hot"]
    assert found["dispatcher"]["command"] == charts["scheduler"] and found["sealer"]["command"] == charts["sealer"]
    assert found["holder"]["command"] == charts["holder"]
    defaults = [json.loads(line) for line in re.findall(r"^CMD (\[.+\])$", CONTAINERFILE, re.MULTILINE)]
    assert defaults == [charts["web"], charts["worker-jobs"]]
    for name in set(found) - {"postgres", "redis"}:
        one = found[name]
        assert one["read_only"] and one["cap_drop"] == ["ALL"] and one["user"] == "10001:10001"
        volumes = {volume.split(":")[0] for volume in one["volumes"] if not volume.startswith(".")}
        assert volumes <= set(COMPOSE["volumes"]), name
    assert all(set(one.get("depends_on", {})) <= set(found) for one in found.values())


def test_every_variable_named_exists() -> None:
    code = _names_in_code()
    schema = json.loads((DEPLOY / "helm" / "bailiwick" / "values.schema.json").read_text())
    said = {variable["name"] for pod in pods().values() for variable in pod["containers"][0]["env"]}
    said |= set(schema["properties"]["env"]["properties"])
    said |= set(COMPOSE["services"]["web"]["environment"])
    said |= set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE))
    said |= set(re.findall(r"\b(BAILIWICK_[A-Z_]+)=", CONTAINERFILE))
    assert said - code == {"BAILIWICK_MIGRATE_DATABASE_URL"}  # which `prepare` is given as DATABASE_URL
    assert "BAILIWICK_EMBEDDED" in code and "NO_SUCH_THING" not in code


def test_the_image_is_locked_unprivileged_and_without_secrets() -> None:
    assert all("--require-hashes" in line for line in CONTAINERFILE.splitlines() if "pip install" in line)
    stages = CONTAINERFILE.split("\nFROM ")
    for stage in stages:
        if " AS portal" in stage or " AS worker\n" in stage:
            assert re.findall(r"^USER (.+)$", stage, re.MULTILINE)[-1] == "10001:10001"
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|TOKEN|SECRET)", CONTAINERFILE, re.MULTILINE)
    for line in COPIED:
        assert all((ROOT / name.rstrip("/")).exists() for name in line.split()), line
    let_in = set(re.findall(r"^!(.+)$", (DEPLOY / "Containerfile.dockerignore").read_text(), re.MULTILINE))
    assert {name.rstrip("/") for line in COPIED for name in line.split() if name != "requirements/"} <= let_in


def _names_in_code() -> set[str]:
    found = set()
    for app in ("portal", "tenants", "compliance", "lifecycle"):
        for path in (ROOT / app).rglob("*.py"):
            if "embedded" not in path.parts:
                found |= {one or other for one, other in NAMED.findall(path.read_text())}
                found |= _passed_on(path) if path.name == "run.py" else set()
    return found


def _passed_on(path: Path) -> set[str]:
    """Names in a tuple of variables that are handed to a child."""
    tuples = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Tuple)]
    words = [one.value for node in tuples for one in node.elts if isinstance(one, ast.Constant)]
    return {word for word in words if isinstance(word, str) and word.isupper()}


def _bare() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _test_database() -> str:
    from django.db import connection

    said = connection.settings_dict
    return f"postgresql://{said['USER']}:{said['PASSWORD']}@{said['HOST']}:{said['PORT']}/{said['NAME']}"


def _status(server: "subprocess.Popen[str]", port: int, path: str, headers: dict[str, str]) -> int:
    """What the server answers, asked until it listens."""
    opener = urllib.request.build_opener(_NoRedirect)
    deadline = time.monotonic() + 120
    while True:
        try:
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
            return int(opener.open(asked, timeout=30).status)
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            assert server.poll() is None, server.stderr and server.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
