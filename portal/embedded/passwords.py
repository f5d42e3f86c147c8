"""Random passwords and keys of the embedded stores, made once and kept in secrets/embedded.json (0600)."""

import json
import secrets
import string

from portal.embedded.home import Home, write_private

KEY_ID_LETTERS = string.ascii_uppercase + "234567"


class Passwords:
    """Returns the same secret for the same name for as long as the home exists."""

    def __init__(self, home: Home) -> None:
        self._file = home.secrets / "embedded.json"
        self._known: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._changed = False

    def get(self, name: str) -> str:
        """A secret of 48 hex digits: safe in URLs, SQL literals and configuration files."""
        return self._kept(name, secrets.token_hex(24))

    def key_id(self, name: str) -> str:
        """An access key id of the shape AWS gives."""
        return self._kept(name, "AKIA" + "".join(secrets.choice(KEY_ID_LETTERS) for _ in range(16)))

    def save(self) -> None:
        """Write what is new, before anything is created with it."""
        if self._changed:
            write_private(self._file, json.dumps(self._known, indent=1), durable=True)
            self._changed = False

    def _kept(self, name: str, fresh: str) -> str:
        if name not in self._known:
            self._known[name] = fresh
            self._changed = True
        return self._known[name]
