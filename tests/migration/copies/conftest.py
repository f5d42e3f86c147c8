"""A third region: another name for the second one's stores, and of its AWS, which is all that a guard can tell."""

import json
from typing import Any

import pytest

THIRD = "us-east-1"


@pytest.fixture
def third(settings: Any, tmp_path: Any) -> str:
    known = json.loads(settings.REGIONS_FILE.read_text())
    second = known["eu-west-1"]
    elsewhere = {**second["aws"], "endpoint_url": second["aws"]["endpoint_url"].replace("127.0.0.1", "localhost")}
    known[THIRD] = {**second, "name": THIRD, "aws": elsewhere}
    settings.REGIONS_FILE = tmp_path / "regions.json"
    settings.REGIONS_FILE.write_text(json.dumps(known))
    return THIRD
