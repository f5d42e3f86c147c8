"""The provider as the framework wants it."""

from typing import Any

from tf.iface import DataSource, Provider, Resource
from tf.schema import Schema
from tf.utils import Diagnostics

from terraform.provider import ADDRESS
from terraform.provider.resources import ALL


class RegionProvider(Provider):  # type: ignore[misc]  # the framework ships no types
    """Holds nothing: a resource object lives for one call, so calls of different runs share no state."""

    def get_model_prefix(self) -> str:
        return "region_"

    def get_provider_schema(self, diags: Diagnostics) -> Schema:
        return Schema(version=1, attributes=[])

    def full_name(self) -> str:
        return ADDRESS

    def validate_config(self, diags: Diagnostics, config: dict[str, Any]) -> None:
        """There is no configuration."""

    def configure_provider(self, diags: Diagnostics, config: dict[str, Any]) -> None:
        """There is no configuration."""

    def get_data_sources(self) -> list[type[DataSource]]:
        return []

    def get_resources(self) -> list[type[Resource]]:
        return list(ALL)
