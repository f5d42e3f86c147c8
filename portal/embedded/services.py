"""The processes of the product, by command line: nothing of them is imported here."""

import sys
from pathlib import Path

from portal.embedded import service
from portal.embedded.environment import Address
from portal.embedded.home import write_private
from portal.embedded.procs import DOORS, STORES
from portal.embedded.service import Command, Service

PYTHON = sys.executable


def aws_double(at: Address, region: str) -> Service:
    root = at.home.root / "objects" / region
    root.mkdir(exist_ok=True)
    port = at.ports.get(f"aws {region}")
    credentials, reader = at.region(region)["aws"], at.region(region)["verifier"]
    return Service(
        name=f"aws {region}",
        argv=_module(
            *("portal.embedded.aws", "--root", str(root), "--port", str(port), "--region", region),
            "--assume-tls",  # buckets refuse plain connections; on loopback there is nothing to encrypt against
        ),
        env={
            "AWS_DOUBLE_ROOT_KEY": credentials["access_key_id"],
            "AWS_DOUBLE_ROOT_SECRET": credentials["secret_access_key"],
            "AWS_DOUBLE_READER_KEY": reader["access_key_id"],
            "AWS_DOUBLE_READER_SECRET": reader["secret_access_key"],
        },
        ready=service.http(port, "/", ok="234"),
        port=port,
        stage=STORES,
    )


def pinecone_double(at: Address) -> Service:
    key_file = at.home.secrets / "pinecone_api_key"
    reader_key_file = at.home.secrets / "pinecone_reader_api_key"
    write_private(key_file, at.passwords.get("pinecone"))
    write_private(reader_key_file, at.passwords.get("pinecone verifier"))
    port = at.ports.get("pinecone")
    return Service(
        name="pinecone",
        argv=_module(
            *("portal.embedded.pinecone_double", "--root", str(at.home.root / "pinecone")),
            *("--port", str(port), "--api-key-file", str(key_file)),
            *("--reader-key-file", str(reader_key_file)),
        ),
        ready=service.http(port, "/", ok="234"),
        port=port,
        stage=STORES,
    )


def region_provider(at: Address) -> Service:
    return Service(
        name="provider",
        argv=_module("terraform.provider", "serve", "--reattach-file", str(at.home.reattach_file)),
        env=at.common(),
        ready=service.file_appears(at.home.reattach_file),
        stale=(at.home.reattach_file,),
    )


def platform(at: Address, region: str) -> Service:
    port = at.ports.get(f"platform {region}")
    return Service(
        name=f"platform {region}",
        argv=_module("ragplatform", "--region", region, "--port", str(port)),
        env=at.platform(),
        ready=service.http(port, "/health/live"),
        port=port,
        stage=DOORS,
    )


def web(at: Address) -> Service:
    return Service(
        name="web",
        argv=_module(
            *("gunicorn", "--bind", f"127.0.0.1:{at.web_port}", "--worker-class", "gthread"),
            *("--workers", "2", "--threads", "8", "--preload", "--graceful-timeout", "1"),
            *("--no-control-socket", "--access-logfile", "-", "--access-logformat", "%(m)s %(U)s %(s)s %(B)s %(M)s"),
            "portal.wsgi:application",
        ),
        env=at.portal(),
        ready=service.http(at.web_port, "/health/ready"),
        port=at.web_port,
        stage=DOORS,
    )


def worker(at: Address) -> Service:
    return Service(
        name="worker",
        argv=_module(
            *("celery", "-A", "portal.celery:app", "worker", "--concurrency", "4", "--loglevel", "INFO"),
            *("--hostname", "worker@bailiwick", "--without-mingle", "--without-gossip"),
        ),
        env=at.portal(),
        ready=service.log_says("ready."),
    )


def dispatcher(at: Address) -> Service:
    return Service(
        name="dispatcher",
        argv=_manage("dispatch"),
        env=at.portal(),
        ready=service.log_says("dispatch.started"),
    )


def sealer(at: Address) -> Service:
    return Service(
        name="sealer",
        argv=_manage("seal"),
        env=at.sealer(),
        ready=service.log_says("seal.started"),
    )


def holder(at: Address) -> Service:
    return Service(
        name="holder",
        argv=_manage("hold_snapshots"),
        env=at.portal(),
        ready=service.log_says("holder.started"),
    )


def prepare(at: Address, mark: Path) -> Command:
    """Migrate, then seed; both with the owner's rights: seeding may take longer than the five seconds `app` has."""
    return Command(name="prepare", argv=_manage("prepare", "--mark", str(mark)), env=at.migration())


def tour(at: Address) -> Command:
    return Command(name="demo", argv=_module("demo"), env=at.common(), stage=DOORS)


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", name, *arguments)


def _manage(*arguments: str) -> tuple[str, ...]:
    return (PYTHON, "manage.py", *arguments)
