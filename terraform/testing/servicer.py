"""Answers Terraform as the provider would. Each connection has its own configuration, so runs share one process."""

import json
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc
from tf.types import Unknown
from tf.utils import read_dynamic_value, to_dynamic_value

from terraform.testing import refusals, schema, values
from terraform.testing.world import World

Context = grpc.ServicerContext


class AwsDouble(rpc.ProviderServicer):  # type: ignore[misc]  # the framework ships no types
    """Serves the types that Terraform files below `folders` name; any other is as unknown as a misspelt one."""

    def __init__(self, folders: Iterable[Path], outside: Path | None = None) -> None:
        self.world = World(outside)
        self.configured: dict[str, dict[str, Any]] = {}
        self.resources, self.data = schema.used_in(folders)
        self.described = pb.GetProviderSchema.Response(
            provider=schema.provider(),
            resource_schemas={name: schema.resource(name) for name in self.resources},
            data_source_schemas={name: schema.data(name) for name in self.data},
            provider_meta=pb.Schema(block=pb.Schema.Block()),
        )

    def GetMetadata(self, request: Any, context: Context) -> Any:
        return pb.GetMetadata.Response(
            resources=[pb.GetMetadata.ResourceMetadata(type_name=name) for name in self.resources],
            data_sources=[pb.GetMetadata.DataSourceMetadata(type_name=name) for name in self.data],
        )

    def GetProviderSchema(self, request: Any, context: Context) -> Any:
        return self.described

    def ValidateProviderConfig(self, request: Any, context: Context) -> Any:
        return pb.ValidateProviderConfig.Response()

    def ConfigureProvider(self, request: Any, context: Context) -> Any:
        """Keep what this connection said of itself: each provider block, an alias too, has one of its own."""
        said = read_dynamic_value(request.config)
        given = said.get("default_tags")
        tags: Any = given
        if isinstance(given, list):
            tags = next((one["tags"] for one in given), {})
        self.configured[context.peer()] = {"region": said.get("region"), "default_tags": tags}
        return pb.ConfigureProvider.Response()

    def ValidateResourceConfig(self, request: Any, context: Context) -> Any:
        found = values.misplaced(self._block(request.type_name), read_dynamic_value(request.config))
        return pb.ValidateResourceConfig.Response(diagnostics=[_read_only(path) for path in found])

    def ValidateDataResourceConfig(self, request: Any, context: Context) -> Any:
        return pb.ValidateDataResourceConfig.Response()

    def UpgradeResourceState(self, request: Any, context: Context) -> Any:
        block, said = self._block(request.type_name), json.loads(request.raw_state.json)
        known = {key: value for key, value in said.items() if key in block["attributes"] or key in block["blocks"]}
        return pb.UpgradeResourceState.Response(upgraded_state=to_dynamic_value(known))

    def ReadResource(self, request: Any, context: Context) -> Any:
        found = self.world.read(request.type_name, read_dynamic_value(request.current_state))
        return pb.ReadResource.Response(new_state=to_dynamic_value(found))

    def PlanResourceChange(self, request: Any, context: Context) -> Any:
        name, block = request.type_name, self._block(request.type_name)
        before, proposed = read_dynamic_value(request.prior_state), read_dynamic_value(request.proposed_new_state)
        config, own = read_dynamic_value(request.config), self._own(context)
        after = values.planned(block, config, proposed, creating=before is None)
        if "tags_all" in block["attributes"]:
            after["tags_all"] = values.tags_all(after, own["default_tags"])
        if "region" in block["attributes"] and config.get("region") is None:
            after["region"] = own["region"] or Unknown
        if before:
            values.keep_grown(name, before, after)
        paths = values.replaced(name, before, after) if before else []
        return pb.PlanResourceChange.Response(
            planned_state=to_dynamic_value(after),
            requires_replace=[_path((one,)) for one in paths],
            legacy_type_system=True,
        )

    def ApplyResourceChange(self, request: Any, context: Context) -> Any:
        name, block = request.type_name, self._block(request.type_name)
        before, after = read_dynamic_value(request.prior_state), read_dynamic_value(request.planned_state)
        if after is None:
            refused = refusals.snapshot_taken(before, self.world) if name == "aws_db_instance" else ""
        else:
            after = values.decided(name, block, after, self._own(context)["region"] or "ap-south-1")
            refused = refusals.refused(name, after, self.world)
        if refused:
            kept = to_dynamic_value(before)
            return pb.ApplyResourceChange.Response(new_state=kept, diagnostics=[_error("AWS refuses", refused)])
        if after is None:
            self.world.remove(name, before)
        else:
            self.world.put(name, after)
        return pb.ApplyResourceChange.Response(new_state=to_dynamic_value(after), legacy_type_system=True)

    def ImportResourceState(self, request: Any, context: Context) -> Any:
        found = self.world.find(request.type_name, request.id)
        if found is None:
            absent = _error("Cannot import non-existent remote object", f"{request.type_name} {request.id}")
            return pb.ImportResourceState.Response(diagnostics=[absent])
        one = pb.ImportResourceState.ImportedResource(type_name=request.type_name, state=to_dynamic_value(found))
        return pb.ImportResourceState.Response(imported_resources=[one])

    def ReadDataSource(self, request: Any, context: Context) -> Any:
        block = schema.whole()["data"][request.type_name]
        config, region = read_dynamic_value(request.config), self._own(context)["region"] or "ap-south-1"
        asked = values.planned(block, config, config, creating=True)
        asked |= {"id": request.type_name.removeprefix("aws_")} if asked.get("id") is Unknown else {}
        found = values.decided(request.type_name, block, asked, region)
        if request.type_name in self.resources and isinstance(config.get("id"), str):
            known = self.world.find(request.type_name, config["id"])
            if known is None:
                return pb.ReadDataSource.Response(diagnostics=[_error("No such resource", config["id"])])
            found |= {key: value for key, value in known.items() if key in found}
        return pb.ReadDataSource.Response(state=to_dynamic_value(found))

    def StopProvider(self, request: Any, context: Context) -> Any:
        """One run was interrupted; the others go on."""
        return pb.StopProvider.Response()

    def GetFunctions(self, request: Any, context: Context) -> Any:
        return pb.GetFunctions.Response()

    def _block(self, type_name: str) -> schema.Block:
        found: schema.Block = schema.whole()["resources"][type_name]
        return found

    def _own(self, context: Context) -> dict[str, Any]:
        return self.configured.get(context.peer(), {"region": None, "default_tags": None})


def told(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Print what went wrong inside an answer: the protocol would carry only that something did."""

    def answered(request: Any, context: Context) -> Any:
        try:
            return answer(request, context)
        except Exception:
            traceback.print_exc()
            raise

    return answered


def _read_only(path: tuple[str, ...]) -> Any:
    said = f'Can\'t configure a value for "{path[-1]}": its value will be decided automatically.'
    return _error("Value for unconfigurable attribute", said, path)


def _error(summary: str, detail: str, path: tuple[str, ...] = ()) -> Any:
    return pb.Diagnostic(
        severity=pb.Diagnostic.ERROR, summary=summary, detail=detail, attribute=_path(path) if path else None
    )


def _path(names: tuple[str, ...]) -> Any:
    return pb.AttributePath(steps=[pb.AttributePath.Step(attribute_name=name) for name in names])
