"""One request on behalf of one tenant: who calls, under which snapshot and binding, and what they may do."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from bailiwick_client import Configuration, ReadToken, Refused, Registry, Snapshot

from .binding import Binding, Bindings, Unbound
from .cache import Caches
from .database import Database
from .ids import uuid_or_none
from .problems import Elsewhere, Maintenance, Problem, unavailable
from .tokens import BadToken, KeysUnavailable, Verifier
from .visibility import Viewer

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[str, ...] = ("read", "write", "admin")
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rag-platform"'}
KEY_PREFIX = "bwp"


@dataclass(frozen=True)
class Call:
    """An authenticated request."""

    tenant: Snapshot
    binding: Binding
    subject: str
    scopes: frozenset[str]
    user_id: UUID | None
    handed: bool = False  # asked on behalf of the tenant's owner, who has counted it: nothing is written for it

    @property
    def tenant_id(self) -> UUID:
        """The tenant of the credential; nothing in a request can change it."""
        return self.binding.tenant_id

    @property
    def viewer(self) -> Viewer:
        """Whose eyes: an administrator and the validation suite see all documents of the tenant."""
        return Viewer(self.tenant_id, self.user_id, bool(self.scopes & {"admin", "validate"}))

    def need(self, scope: Scope) -> None:
        """Raises Problem 403 unless the credential has the scope; admin and validate include the others."""
        if not self.scopes & {scope, "admin", "validate"}:
            raise Problem(403, "scope-missing", f"This needs the scope {scope}.", needed_scope=scope)


class Doorkeeper:
    """Turns a request's credentials into a Call, or refuses with the reason."""

    def __init__(
        self,
        region: str,
        verifier: Verifier,
        registry: Registry,
        bindings: Bindings,
        database: Database,
        caches: Caches,
    ) -> None:
        self._region = region
        self._verifier = verifier
        self._registry = registry
        self._bindings = bindings
        self._database = database
        self._caches = caches

    def admit(
        self, authorization: str, api_key: str, session: str, read_after: ReadToken | None = None, ticket: str = ""
    ) -> Call:
        """Who is calling, for a tenant that may be served here and now; raises Problem.

        A caller who has written at a newer epoch than is known here is not served by an older one. With the registry's
        `ticket` a tenant that moves here is read for its owner; such a call is at epoch 0, and so writes nothing.
        """
        if api_key:
            tenant_id, subject, scopes = self._by_key(api_key, ticket)
        else:
            tenant_id, subject, scopes = self._by_token(authorization)
        tenant = self._servable(tenant_id, scopes, read_after.epoch if read_after else 0, ticket)
        handed = self._is_handed(tenant.configuration, ticket)
        binding = self._binding(tenant_id).at(0 if handed else tenant.routing_epoch)
        user_id = self._session_user(binding, session, handed) if session else uuid_or_none(subject)
        return Call(tenant, binding, subject, scopes, user_id, handed)

    def _by_token(self, authorization: str) -> tuple[UUID, str, frozenset[str]]:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Problem(401, "not-authenticated", "Send a bearer token or X-API-Key.", CHALLENGE)
        try:
            claims = self._verifier.verify(token.strip())
        except BadToken as error:
            headers = {"WWW-Authenticate": CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'}
            raise Problem(401, "invalid-token", f"The token is not valid: {error}.", headers) from error
        except KeysUnavailable as error:
            raise unavailable("The portal's keys cannot be fetched, so no token can be checked.", 2) from error
        return claims.tenant_id, claims.subject, claims.scopes

    def _by_key(self, api_key: str, ticket: str) -> tuple[UUID, str, frozenset[str]]:
        prefix, _, rest = api_key.partition("_")
        tenant_hex, _, secret = rest.partition("_")
        tenant_id = uuid_or_none(_dashed(tenant_hex)) if prefix == KEY_PREFIX and len(api_key) <= 200 else None
        if tenant_id:
            self._require_here(tenant_id, self._registry.configuration(str(tenant_id)), ticket)
        try:
            found = self._key_row(self._bindings.of(tenant_id), api_key) if tenant_id and secret else None
        except Unbound:
            found = None
        if tenant_id is None or found is None:
            raise Problem(401, "invalid-key", "The API key is not valid, or revoked.", CHALLENGE)
        return tenant_id, f"key:{found[0]}", frozenset(found[1])

    def _key_row(self, binding: Binding, api_key: str) -> tuple[UUID, list[str]] | None:
        with self._database.tenant(binding) as connection:
            row = connection.execute(
                "SELECT id, scopes FROM rag.api_keys WHERE tenant_id = %s AND key_sha256 = %s AND revoked_at IS NULL",
                (binding.tenant_id, sha256(api_key)),
            ).fetchone()
        return (row[0], row[1]) if row else None

    def _servable(self, tenant_id: UUID, scopes: frozenset[str], epoch: int, ticket: str) -> Snapshot:
        try:
            tenant = self._registry.tenant(str(tenant_id))
            # it may have become active since, or moved
            if (tenant.status != "active" and "validate" not in scopes) or tenant.routing_epoch < epoch:
                tenant = self._registry.tenant_now(str(tenant_id))
        except Refused as refusal:
            if refusal.code == "unreachable":
                raise unavailable(f"It is not known whether the tenant is active: {refusal.reason}.", 2) from refusal
            code = "tenant-unknown" if refusal.code == "unknown" else "tenant-not-active"
            raise Problem(403, code, f"Refused: {refusal.reason}.") from refusal
        rest = tenant.service.maintenance
        if rest is not None and datetime.now(UTC) < rest.until:
            raise Maintenance(rest.until)
        self._require_here(tenant_id, tenant.configuration, ticket)
        if tenant.status != "active" and "validate" not in scopes:
            why = "is being validated" if tenant.status == "provisioning" else f"is {tenant.status}"
            raise Problem(403, "tenant-not-active", f"Refused: the tenant {why}.")
        return tenant

    def _require_here(self, tenant_id: UUID, known: Configuration | None, ticket: str) -> None:
        """Raises Elsewhere for a tenant of another region, unless its owner hands us a read and the registry agrees."""
        if known is not None and known.region != self._region and not self._is_handed(known, ticket):
            raise Elsewhere(tenant_id, known.region, known.routing_epoch)

    def _is_handed(self, known: Configuration, ticket: str) -> bool:
        split = known.reads
        is_meant = bool(ticket) and split is not None and self._region in (known.region, split.region)
        return is_meant and split is not None and hmac.compare_digest(ticket.encode(), split.ticket.encode())

    def _binding(self, tenant_id: UUID) -> Binding:
        try:
            return self._bindings.of(tenant_id)
        except Unbound as error:
            raise unavailable("The tenant's resources are not set up in this region.", 5) from error

    def _session_user(self, binding: Binding, session: str, handed: bool) -> UUID:
        """Whose session it is. What is handed to us is looked up anew: it is closed in the owner's cache alone."""
        digest, cache = sha256(session), self._caches.of(binding)
        user_id = None if handed else cache.session(digest)
        if user_id is not None:
            return user_id
        with self._database.tenant(binding) as connection:
            row = connection.execute(
                "SELECT user_id, ceil(extract(epoch FROM expires_at - now()))::int FROM rag.sessions"
                " WHERE tenant_id = %s AND token_sha256 = %s AND expires_at > now()",
                (binding.tenant_id, digest),
            ).fetchone()
        if row is None:
            raise Problem(401, "invalid-session", "The session is over or never was.", CHALLENGE)
        if not handed:
            cache.open_session(digest, row[0], row[1])
        return UUID(str(row[0]))


def new_secret(tenant_id: UUID) -> str:
    """An API key: it names its tenant, so that it can be looked up with that tenant's role."""
    return f"{KEY_PREFIX}_{tenant_id.hex}_{secrets.token_urlsafe(32)}"


def sha256(secret: str) -> str:
    """How a random secret is kept: 256 bits of entropy need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _dashed(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
