"""A tenant's vector namespace, at whichever provider."""

from lifecycle.stores.names import TenantNames
from lifecycle.stores.vectors.store import store_of
from portal.lib.regions import Region
from terraform.provider.resource import RegionResource, State, fixed, text


class VectorNamespace(RegionResource):
    """The tenant's vector namespace: a partition in pgvector, a namespace in Pinecone. Only an empty one is removed."""

    NAME = "vector_namespace"
    FIELDS = (
        fixed("store", "The provider of the namespace: pgvector or pinecone."),
        text("index", "The provider's index; empty for its default.", optional=True, requires_replace=True),
        text("namespace", "The namespace's name.", computed=True),
        text("served_by", "The index that holds the namespace.", computed=True),
    )

    def ensure(self, region: Region, names: TenantNames, wanted: State) -> State:
        state = store_of(region, wanted["store"], wanted["index"] or "").ensure(names)
        return {"namespace": state.namespace, "served_by": state.index}

    def look(self, region: Region, names: TenantNames, known: State) -> State | None:
        state = store_of(region, known["store"], known["index"] or "").read(names)
        if state is None:
            return None
        return {"namespace": state.namespace, "served_by": state.index, "deviation": state.deviation}

    def remove(self, region: Region, names: TenantNames, known: State) -> None:
        store_of(region, known["store"], known["index"] or "").remove(names)
