"""The regions this installation serves, read from BAILIWICK_REGIONS_FILE. No Django.

`load` looks at the file at every call and reads each version of it once: a region may be added while processes run.
"""

import functools
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOGINS = {
    "provisioner": "bw_provisioner",
    "platform": "rag_platform",
    "validator": "bw_validator",
    "observer": "bw_observer",
    "mover": "bw_mover",
    "verifier": "bw_verifier",
    "eraser": "bw_eraser",
    "keeper": "bw_keeper",
}


@dataclass(frozen=True)
class Database:
    host: str
    port: int
    dbname: str
    passwords: dict[str, str]
    directory: str = ""  # where its files are, on this machine; or
    instance: str = ""  # the RDS instance it is: one of them tells how much room is left
    sslmode: str = ""  # as libpq takes it; empty where the database is on this machine
    sslrootcert: str = ""  # who has signed its certificate: a file, or `system`

    def connect_kwargs(self, purpose: str) -> dict[str, Any]:
        """Arguments for psycopg.connect as the login that serves `purpose` (a key of LOGINS)."""
        wanted = {"sslmode": self.sslmode, "sslrootcert": self.sslrootcert}
        checked = {name: value for name, value in wanted.items() if value}
        return {
            **checked,
            "host": self.host,
            "port": self.port,
            "dbname": self.dbname,
            "user": LOGINS[purpose],
            "password": self.passwords[purpose],
            "connect_timeout": 5,
        }


@dataclass(frozen=True)
class Cache:
    host: str
    port: int
    admin_password: str = field(default="", repr=False)  # empty with `iam_name`
    user: str = ""  # the administrator, where it is not the server's default
    tls: bool = False
    ca: str = ""  # who has signed its certificate: a file; empty for the system's own
    user_group: str = ""  # of an ElastiCache its group of users; empty where the server makes users by ACL SETUSER
    engine: str = "valkey"  # of an ElastiCache; or `redis`
    iam_name: str = ""  # of an ElastiCache its own name, where the administrator logs in by IAM and has no password

    def __post_init__(self) -> None:
        """ValueError for a login that cannot be."""
        if self.iam_name and not (self.user and self.tls):
            raise ValueError("`iam_name` of a cache needs `user`, and `tls`: IAM's tokens are taken over TLS alone")
        if self.engine not in ("valkey", "redis"):
            raise ValueError(f"a cache's `engine` is valkey or redis, not {self.engine}")

    def address(self) -> dict[str, Any]:
        """Arguments for redis.Redis that lead there, whoever logs in. With TLS, certificate and name are checked."""
        there: dict[str, Any] = {"host": self.host, "port": self.port}
        checked = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": self.ca or None}
        return {**there, "ssl": True, **checked} if self.tls else there


@dataclass(frozen=True)
class Aws:
    endpoint_url: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class DataSync:
    """The role by which AWS DataSync reaches the tenants' buckets here, and its own endpoint where that is another."""

    role_arn: str
    endpoint_url: str = ""


@dataclass(frozen=True)
class Pinecone:
    host: str
    api_key: str


@dataclass(frozen=True)
class Metrics:
    """Where the region's series are kept for longer than the platform's own memory: `prometheus` or `datadog`."""

    kind: str
    url: str  # of Datadog its site's API, such as https://api.datadoghq.eu
    token: str = field(default="", repr=False)  # of Datadog its API key
    app_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class ReadOnly:
    """What the verifiers of an erasure log in with: it may look at everything here and change nothing.

    One that is empty is not given: then nobody looks there, and never with a writer's credentials instead. Theirs for
    the database is the login `verifier` of LOGINS.
    """

    cache_user: str = ""
    cache_password: str = field(default="", repr=False)
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    pinecone_api_key: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)  # of Datadog its API key
    metrics_app_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Region:
    name: str
    colour: str
    display: str
    database: Database
    cache: Cache
    aws: Aws
    pinecone: Pinecone | None
    has_pgvector: bool
    platform_url: str
    simulated: bool
    metrics: Metrics | None = None  # the platform's own memory and nothing else
    verifier: ReadOnly = ReadOnly()
    kind: str = "embedded"  # or `aws`: which of Terraform's roots makes a tenant here
    datasync: DataSync | None = None  # objects are carried by the mover alone
    same_aws: frozenset[str] = frozenset()  # the other regions of its AWS, where buckets and users have the same names

    @property
    def vector_providers(self) -> tuple[str, ...]:
        """What can hold vectors here, in no order of preference."""
        found = {"pgvector": self.has_pgvector, "pinecone": self.pinecone is not None}
        return tuple(name for name, present in found.items() if present)


def load(path: Path | str) -> dict[str, Region]:
    """Return every region by name, in the file's order; the first is the home region."""
    now = os.stat(path)
    return dict(_loaded(str(path), now.st_ino, now.st_mtime_ns, now.st_size))


@functools.lru_cache(maxsize=4)
def _loaded(path: str, *_version: int) -> dict[str, Region]:
    """Read once for each version of the file: whoever asks for a region asks often."""
    regions = json.loads(Path(path).read_text())
    return {name: _region(entry, _same_aws(entry, regions)) for name, entry in regions.items()}


def _same_aws(entry: dict[str, Any], regions: dict[str, Any]) -> frozenset[str]:
    """The others behind the same endpoint; without one that is AWS itself."""
    here = entry["aws"]["endpoint_url"] or ""
    others = (one for one in regions.values() if (one["aws"]["endpoint_url"] or "") == here)
    return frozenset(one["name"] for one in others) - {entry["name"]}


def _tls(entry: dict[str, Any]) -> tuple[str, str]:
    """On AWS the name in the certificate and who signed it are checked unless the entry says something else itself."""
    said = entry["database"]
    mode = said.get("sslmode", "verify-full" if entry.get("kind") == "aws" else "")
    return mode, said.get("sslrootcert", "system" if mode == "verify-full" else "")


def _region(entry: dict[str, Any], same_aws: frozenset[str]) -> Region:
    database, vectors = entry["database"], entry["vectors"]
    where = (database["host"], int(database["port"]), database["dbname"], dict(database["users"]))
    return Region(
        name=entry["name"],
        colour=entry["colour"],
        display=entry["display"],
        database=Database(*where, database.get("directory", ""), database.get("instance", ""), *_tls(entry)),
        cache=Cache(**{"tls": entry.get("kind") == "aws", **entry["cache"]}),
        aws=Aws(**entry["aws"]),
        pinecone=Pinecone(**vectors["pinecone"]) if "pinecone" in vectors else None,
        has_pgvector="pgvector" in vectors,
        platform_url=entry["platform"]["url"],
        simulated=bool(entry.get("simulated", False)),
        metrics=Metrics(**entry["metrics"]) if "metrics" in entry else None,
        verifier=ReadOnly(**entry.get("verifier", {})),
        kind=entry.get("kind", "embedded"),
        datasync=DataSync(**entry["datasync"]) if "datasync" in entry else None,
        same_aws=same_aws,
    )
