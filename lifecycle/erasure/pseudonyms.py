"""Keyed names: what leaves this house about an erasure names neither a tenant nor a person."""

import hashlib
import hmac
import re

from compliance.erasing.queries import Facts


class Pseudonyms:
    """Names under the erasure's own key, so that two certificates about one person cannot be put together."""

    def __init__(self, facts: Facts) -> None:
        self._key = facts.key
        tenant = facts.tenant
        plain = {str(tenant.pk), tenant.pk.hex, tenant.name, tenant.pk.hex[-8:]}
        if facts.user_id:
            plain |= {str(facts.user_id), facts.user_id.hex}
        for one in facts.document_ids:
            plain |= {str(one), one.hex}
        self._plain = re.compile("|".join(re.escape(one) for one in sorted(plain, key=len, reverse=True)))

    def of(self, kind: str, what: object) -> str:
        """64 hex digits for one thing of a kind."""
        return hmac.new(self._key, f"{kind}\0{what}".encode(), hashlib.sha256).hexdigest()

    def words(self, text: str) -> str:
        """The text with every name of the tenant, the person and their documents replaced."""
        return self._plain.sub(lambda found: self.of("name", found.group())[:12], text)
