"""The environment of the processes and the region file: everything a process needs to find the stores."""

import os
from dataclasses import dataclass
from typing import Any

from portal.embedded.home import PROJECT, Home
from portal.embedded.passwords import Passwords
from portal.embedded.ports import Ports
from portal.embedded.redis_server import VERIFIER

CONTROL_ROLES = ("migrator", "app", "sealer", "reader", "verifier")
REGION_LOGINS = {
    "provisioner": "bw_provisioner",
    "platform": "rag_platform",
    "validator": "bw_validator",
    "observer": "bw_observer",
    "mover": "bw_mover",
    "verifier": "bw_verifier",
    "eraser": "bw_eraser",
    "keeper": "bw_keeper",
}
# Colour and place of the regions that can be had; Pinecone has no Indian region, and no EU one in our residency table.
REGIONS = {
    "ap-south-1": ("blue", "Mumbai"),
    "eu-west-1": ("green", "Ireland"),
    "us-east-1": ("amber", "N. Virginia"),
    "us-west-2": ("violet", "Oregon"),
    "eu-central-1": ("teal", "Frankfurt"),
    "ap-southeast-1": ("rose", "Singapore"),
}
PINECONE_REGIONS = {"us-east-1", "us-west-2"}
DEFAULT_REGIONS = "ap-south-1,eu-west-1"
CLEARED = ("PG", "AWS_")


def clear_foreign_variables() -> None:
    """Drop variables by which libpq and boto3 would look elsewhere, and keep local calls away from a proxy."""
    for name in list(os.environ):
        if name.startswith(CLEARED):
            del os.environ[name]
    local = "127.0.0.1,localhost"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), local]))


@dataclass(frozen=True)
class Address:
    """Where things of this home are; every port and password comes from here."""

    home: Home
    ports: Ports
    passwords: Passwords
    web_port: int

    @property
    def url(self) -> str:
        return os.environ.get("BAILIWICK_PUBLIC_URL") or f"http://127.0.0.1:{self.web_port}"

    def control_passwords(self) -> dict[str, str]:
        return {role: self.passwords.get(f"postgres control {role}") for role in CONTROL_ROLES}

    def region_passwords(self, region: str) -> dict[str, str]:
        return {login: self.passwords.get(f"postgres {region} {login}") for login in REGION_LOGINS.values()}

    def control_url(self, role: str) -> str:
        password, port = self.control_passwords()[role], self.ports.get("postgres control")
        return f"postgresql://{role}:{password}@127.0.0.1:{port}/bailiwick"

    def common(self) -> dict[str, str]:
        """What every process of ours gets: no credentials of the control plane."""
        return {
            "BAILIWICK_HOME": str(self.home.root),
            "BAILIWICK_EMBEDDED": "1",
            "BAILIWICK_REGIONS_FILE": str(self.home.regions_file),
            "BAILIWICK_SECRETS_DIR": str(self.home.secrets),
            "BAILIWICK_PUBLIC_URL": self.url,
            "PORT": str(self.web_port),
            "PYTHONPATH": os.pathsep.join(self._python_path()),
        }

    def platform(self) -> dict[str, str]:
        """What a region's platform gets: a Redis login that reads the registry's stream and nothing else."""
        password, port = self.passwords.get("redis control reader"), self.ports.get("redis control")
        return self.common() | {
            "BAILIWICK_REGISTRY_STREAM_URL": f"redis://reader:{password}@127.0.0.1:{port}/0",
            "BAILIWICK_REGISTRY_COPY_DIR": str(self.home.run),
        }

    def portal(self) -> dict[str, str]:
        """What the portal's own processes get."""
        password, port = self.passwords.get("redis control"), self.ports.get("redis control")
        looks = self.passwords.get("redis control verifier")
        return self.common() | {
            "DATABASE_URL": self.control_url("app"),
            "REDIS_URL": f"redis://:{password}@127.0.0.1:{port}/0",
            "BAILIWICK_TF_REATTACH_FILE": str(self.home.reattach_file),
            "BAILIWICK_VERIFIER_DATABASE_URL": self.control_url("verifier"),
            "BAILIWICK_VERIFIER_REDIS_URL": f"redis://{VERIFIER}:{looks}@127.0.0.1:{port}/0",
        }

    def migration(self) -> dict[str, str]:
        """The portal's environment with the rights to change the schema."""
        return self.portal() | {"DATABASE_URL": self.control_url("migrator")}

    def sealer(self) -> dict[str, str]:
        """What the sealer gets: the portal's environment with its own login, which alone may seal."""
        return self.portal() | {"BAILIWICK_SEALER_DATABASE_URL": self.control_url("sealer")}

    def everything(self) -> dict[str, str]:
        """What is written to runtime.json, for commands run by hand and for tests."""
        return self.portal() | {
            "BAILIWICK_MIGRATE_DATABASE_URL": self.control_url("migrator"),
            "BAILIWICK_SEALER_DATABASE_URL": self.control_url("sealer"),
            "BAILIWICK_READER_DATABASE_URL": self.control_url("reader"),
        }

    def region(self, name: str) -> dict[str, Any]:
        """The region's entry of regions.json."""
        colour, display = REGIONS[name]
        passwords, port = self.region_passwords(name), self.ports.get
        vectors: dict[str, Any] = {"pgvector": {}}
        if name in PINECONE_REGIONS:
            host, key = f"http://127.0.0.1:{port('pinecone')}", self.passwords.get("pinecone")
            vectors["pinecone"] = {"host": host, "api_key": key}
        return {
            "name": name,
            "colour": colour,
            "display": display,
            "database": {
                "host": "127.0.0.1",
                "port": port(f"postgres {name}"),
                "dbname": "rag",
                "users": {purpose: passwords[login] for purpose, login in REGION_LOGINS.items()},
                "directory": str(self.home.pg),
            },
            "cache": {
                "host": "127.0.0.1",
                "port": port(f"redis {name}"),
                "admin_password": self.passwords.get(f"redis {name}"),
            },
            "aws": {
                "endpoint_url": f"http://127.0.0.1:{port(f'aws {name}')}",
                "access_key_id": self.passwords.key_id(f"aws {name} id"),
                "secret_access_key": self.passwords.get(f"aws {name} secret"),
            },
            "vectors": vectors,
            "platform": {"url": f"http://127.0.0.1:{port(f'platform {name}')}"},
            "simulated": True,
            "verifier": self._verifier(name),
        }

    def _verifier(self, region: str) -> dict[str, str]:
        """Logins that look and change nothing, beside the database's."""
        found = {
            "cache_user": "bw-verifier",
            "cache_password": self.passwords.get(f"redis {region} verifier"),
            "access_key_id": self.passwords.key_id(f"aws {region} verifier id"),
            "secret_access_key": self.passwords.get(f"aws {region} verifier secret"),
        }
        if region in PINECONE_REGIONS:
            found["pinecone_api_key"] = self.passwords.get("pinecone verifier")
        return found

    def _python_path(self) -> list[str]:
        """The project and its small packages, which need no installation to be imported."""
        packages = sorted(str(project.parent) for project in PROJECT.glob("packages/*/pyproject.toml"))
        return [str(PROJECT), *packages, *filter(None, [os.environ.get("PYTHONPATH", "")])]
