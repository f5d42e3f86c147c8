"""A third region: another name for the second one's stores, which is all that a guard can tell."""

import json
from typing import Any

import pytest

THIRD = "us-east-1"


@pytest.fixture
def third(settings: Any, tmp_path: Any) -> str:
    known = json.loads(settings.REGIONS_FILE.read_text())
    known[THIRD] = {**known["eu-west-1"], "name": THIRD}
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    return THIRD
