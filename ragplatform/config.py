"""Where this region's stores are, read from the environment and the regions file."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class Misconfigured(Exception):
    """The process cannot start; the message says what is missing."""


@dataclass(frozen=True)
class Config:
    """One region's endpoints, as this process needs them."""

    region: str
    portal_url: str
    secrets_dir: Path
    database: dict[str, Any] = field(repr=False)
    cache_host: str
    cache_port: int
    aws_endpoint: str | None
    pinecone: dict[str, str] | None = field(repr=False)
    registry_stream: str = field(repr=False)
    registry_copy: Path | None
    regions_file: Path

    @property
    def bindings_dir(self) -> Path:
        """The region's secret store: one file per tenant."""
        return self.secrets_dir / "regions" / self.region / "tenants"

    @property
    def service_token(self) -> Path:
        """The platform's own credential at the portal."""
        return self.secrets_dir / "service_token"


def load(region: str) -> Config:
    """The configuration of `region`; raises Misconfigured naming the variable or entry that is missing."""
    regions_file = Path(_variable("BAILIWICK_REGIONS_FILE"))
    try:
        entry = json.loads(regions_file.read_text())[region]
        database = entry["database"]
        return Config(
            region=region,
            portal_url=_variable("BAILIWICK_PUBLIC_URL").rstrip("/"),
            secrets_dir=Path(_variable("BAILIWICK_SECRETS_DIR")),
            database={
                "host": database["host"],
                "port": database["port"],
                "dbname": database["dbname"],
                "user": "rag_platform",
                "password": database["users"]["platform"],
            },
            cache_host=entry["cache"]["host"],
            cache_port=entry["cache"]["port"],
            aws_endpoint=entry["aws"].get("endpoint_url"),
            pinecone=entry["vectors"].get("pinecone"),
            registry_stream=os.environ.get("BAILIWICK_REGISTRY_STREAM_URL", ""),
            registry_copy=_copy(region),
            regions_file=regions_file,
        )
    except OSError as error:
        raise Misconfigured(f"BAILIWICK_REGIONS_FILE cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(f"{regions_file} does not describe region {region}: {error!r}") from error


def _copy(region: str) -> Path | None:
    """Where this process keeps the registry's configuration over a restart; nowhere unless a folder is named."""
    folder = os.environ.get("BAILIWICK_REGISTRY_COPY_DIR", "")
    return Path(folder) / f"registry-{region}.json" if folder else None


def _variable(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Misconfigured(f"{name} is not set")
    return value
