"""Brings a home up, in parallel where one thing does not need another, and keeps runtime.json true."""

import asyncio
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from portal.embedded import databases, postgres, procs, redis_server, runtime, services
from portal.embedded.environment import DEFAULT_REGIONS, REGIONS, Address
from portal.embedded.home import PROJECT, Home, Unfit, write_private
from portal.embedded.service import Command, Launch, Service
from portal.embedded.supervisor import Supervisor

STORES = frozenset({"postgres", "redis", "aws", "pinecone"})
PARTS = STORES | {"migrate", "provider", "platform", "web", "worker", "dispatcher", "sealer", "holder", "demo"}
BACKGROUND = {
    "worker": services.worker,
    "dispatcher": services.dispatcher,
    "sealer": services.sealer,
    "holder": services.holder,
    "provider": services.region_provider,
}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to start, and how much may be lost in a power cut."""

    parts: frozenset[str] = PARTS
    durable: bool = True
    web_port: int | None = None


@dataclass(eq=False)
class Startup:
    """The parts of one home, from nothing to ready."""

    at: Address
    options: Options
    supervisor: Supervisor
    say: Say
    regions: list[str]
    ready: bool = False
    ready_regions: list[str] = field(default_factory=list)
    migrated: asyncio.Event = field(default_factory=asyncio.Event)

    async def everything(self) -> None:
        """Start all wanted parts. The first page comes before what only background work needs: programs load while
        the control database starts, and the regions' stores come after it.
        """
        self.write_regions()
        async with asyncio.TaskGroup() as group:
            prepared = group.create_task(self._prepare_database())
            web = group.create_task(self._start_wanted("web", self._web))
            await group.create_task(self._control())
            await self.migrated.wait()
            stores = {region: group.create_task(self._region_stores(region)) for region in self.regions}
            if "pinecone" in self.options.parts:
                group.create_task(self._start(services.pinecone_double(self.at)))
            await web
            await prepared
            for part, describe in BACKGROUND.items():
                group.create_task(self._start_wanted(part, describe))
            for region, ready in stores.items():
                await ready
                group.create_task(self._start_wanted("platform", partial(services.platform, region=region)))
        self.ready, self.ready_regions = True, list(self.regions)
        self.at.ports.release()
        self.write_runtime()

    async def add_regions(self) -> None:
        """Start regions asked for since; their stores and platform come up beside what runs."""
        for region in wanted_regions(self.at.home):
            if region not in self.regions:
                self.regions.append(region)
                self.write_regions()
                await self._region_stores(region)
                await self._start_wanted("platform", partial(services.platform, region=region))
                self.ready_regions.append(region)
                self.at.ports.release()
                self.write_runtime()

    async def tour(self) -> None:
        """Run the first-start tour once in the life of the home."""
        done = self.at.home.run / "tour-done"
        if "demo" in self.options.parts and not done.exists():
            self.say("Demo tenants are being asked for, signed and provisioned: watch them on the first page.")
            self.say(await self.supervisor.run(services.tour(self.at)))
            done.touch()

    def write_regions(self) -> None:
        """Write regions.json; its ports and passwords are known before anything runs."""
        entries = {region: self.at.region(region) for region in self.regions}
        self.at.passwords.save()
        runtime.write_json(self.at.home.regions_file, entries)

    def write_runtime(self) -> None:
        own = os.getpid()
        runtime.write(
            self.at.home,
            {
                "env": self.at.everything(),
                "url": self.at.url if "web" in self.options.parts else "",
                "ready": self.ready,
                "regions": self.ready_regions,
                "parts": sorted(self.options.parts),
                "ports": self.at.ports.chosen,
                "restarts": {name: kept.restarts for name, kept in self.supervisor.kept.items()},
                "supervisor": {"pid": own, "started": procs.started(own)},
                "boot": runtime.boot_id(),
                **runtime.children(self.supervisor.processes()),
            },
        )

    async def _control(self) -> None:
        async with asyncio.TaskGroup() as group:
            script = databases.control(self.at.control_passwords())
            group.create_task(self._cluster("control", script))
            group.create_task(self._redis("control"))

    async def _region_stores(self, region: str) -> None:
        async with asyncio.TaskGroup() as group:
            script = databases.region(self.at.region_passwords(region))
            group.create_task(self._cluster(region, script))
            group.create_task(self._redis(region))
            if "aws" in self.options.parts:
                group.create_task(self._start(services.aws_double(self.at, region)))

    async def _cluster(self, name: str, script: str) -> None:
        """A running cluster with its databases, roles and passwords."""
        if "postgres" not in self.options.parts:
            return
        begun = time.monotonic()
        port, password = self.at.ports.get(f"postgres {name}"), self.at.passwords.get(f"postgres {name} superuser")
        self.at.passwords.save()
        cluster = postgres.cluster(self.at.home, name, port, password, durable=self.options.durable)
        if not cluster.exists:
            await self._new_cluster(cluster)
        postgres.configure(cluster)
        server = postgres.server(cluster)
        await self.supervisor.start(server)
        await self.supervisor.run(postgres.psql(cluster, "schema"), script)
        self._say_ready(server, begun)

    async def _new_cluster(self, cluster: postgres.Cluster) -> None:
        draft = postgres.make_draft(cluster)
        await self.supervisor.run(postgres.initdb(cluster, draft))
        await self.supervisor.run(*postgres.set_password(cluster, draft))
        draft.rename(cluster.data)

    async def _redis(self, name: str) -> None:
        if "redis" in self.options.parts:
            port, password = self.at.ports.get(f"redis {name}"), self.at.passwords.get(f"redis {name}")
            reader = redis_server.REGISTRY_READER if name == "control" else redis_server.VERIFIER
            known_as = "reader" if name == "control" else "verifier"
            readers = {reader: self.at.passwords.get(f"redis {name} {known_as}")}
            self.at.passwords.save()
            await self._start(redis_server.server(self.at.home, name, port, password, **readers))

    async def _prepare_database(self) -> None:
        """Migrate and seed, unless this very code has done so before on this home. Pages need only the first."""
        mark, code = self.at.home.run / "prepared", _code_fingerprint()
        fresh = not (mark.exists() and mark.read_text() == code)
        if fresh and "migrate" in self.options.parts:
            schema = self.at.home.run / "migrated"
            schema.unlink(missing_ok=True)
            work = asyncio.create_task(self._run(services.prepare(self.at, schema)))
            while not (schema.exists() or work.done()):
                await asyncio.sleep(procs.POLL)
            self.migrated.set()
            await work
            write_private(mark, code)
        self.migrated.set()

    def _web(self, at: Address) -> Service:
        """The web server; its pages count only on a schema that stands."""
        described = services.web(at)

        async def ready(launch: Launch) -> bool:
            return self.migrated.is_set() and await described.ready(launch)

        return replace(described, ready=ready)

    async def _start_wanted(self, part: str, describe: Callable[[Address], Service]) -> None:
        if part in self.options.parts:
            await self._start(describe(self.at))

    async def _start(self, service: Service) -> None:
        begun = time.monotonic()
        await self.supervisor.start(service)
        self._say_ready(service, begun)

    def _say_ready(self, service: Service, begun: float) -> None:
        where = f"127.0.0.1:{service.port}" if service.port else ""
        self.say(f"  {service.name:<22} ready  {time.monotonic() - begun:5.1f} s  {where}".rstrip())

    async def _run(self, command: Command) -> None:
        begun = time.monotonic()
        await self.supervisor.run(command)
        self.say(f"  {command.name:<22} done   {time.monotonic() - begun:5.1f} s")


def wanted_regions(home: Home) -> list[str]:
    """The regions of BAILIWICK_EMBEDDED_REGIONS and those added since, in that order."""
    given = os.environ.get("BAILIWICK_EMBEDDED_REGIONS") or DEFAULT_REGIONS
    added = home.run / "added-regions"
    names = [*given.split(","), *(added.read_text().split() if added.exists() else [])]
    names = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if unknown := [name for name in names if name not in REGIONS]:
        raise Unfit(f"Unknown region {', '.join(unknown)}. The embedded runtime knows {', '.join(REGIONS)}.")
    return names


def _code_fingerprint() -> str:
    """Changes whenever a file does that migrations or seeds could depend on."""
    digest = hashlib.sha256()
    for app in ("portal", "tenants", "compliance", "lifecycle"):
        for path in sorted((PROJECT / app).rglob("*")):
            if path.suffix in (".py", ".sql", ".json", ".toml") and path.is_file():
                found = path.stat()
                digest.update(f"{path.relative_to(PROJECT)} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
