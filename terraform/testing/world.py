"""What exists: the resources the double has created, in memory, for all runs that ask the same process."""

import json
import threading
from pathlib import Path
from typing import Any

from terraform.testing.schema import FACTS

Values = dict[str, Any]


class World:
    """Resources by type and id. What was deleted is known to be gone; what was never here is believed.

    `outside` is a file in which a test says what others did meanwhile: by type and id the arguments they changed, or
    null for what they deleted. A thing that Terraform writes afterwards is as Terraform wrote it.
    """

    def __init__(self, outside: Path | None = None) -> None:
        self._found: dict[tuple[str, str], Values | None] = {}
        self._outside = outside
        self.snapshots: set[str] = set()  # of databases that went
        self._lock = threading.Lock()

    def put(self, type_name: str, values: Values) -> None:
        with self._lock:
            self._found[type_name, str(values.get("id"))] = values

    def remove(self, type_name: str, values: Values) -> None:
        with self._lock:
            self._found[type_name, str(values.get("id"))] = None

    def read(self, type_name: str, believed: Values) -> Values | None:
        """Return the resource as it is now, None when it was deleted."""
        key = type_name, str(believed.get("id"))
        with self._lock:
            self._meddle()
            return self._found.get(key, believed)

    def of(self, type_name: str) -> list[Values]:
        """Return every resource of a type that exists."""
        with self._lock:
            self._meddle()
            return [one for (kind, _), one in self._found.items() if kind == type_name and one]

    def find(self, type_name: str, wanted: str) -> Values | None:
        """Return what an import by this id finds."""
        key = FACTS["import_by"].get(type_name, "id")
        return next((one for one in self.of(type_name) if one.get(key) == wanted), None)

    def _meddle(self) -> None:
        """Do what the file says, once."""
        if self._outside is None or not self._outside.exists():
            return
        for type_name, things in json.loads(self._outside.read_text()).items():
            for own_id, change in things.items():
                known = self._found.get((type_name, own_id)) or {}
                self._found[type_name, own_id] = None if change is None else {**known, **change}
        self._outside.unlink()
