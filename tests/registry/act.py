"""A process of the portal that changes tenants as it is told on its standard input, and answers in lines of JSON.

seed              what every installation starts with
make N            so many active tenants; answers their ids
suspend ID · reactivate ID · edit ID WORD
die-suspending ID the same, killed right after its commit
"""

import json
import os
import signal
import sys
import time
from io import StringIO
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

from bench.registry import fill  # noqa: E402
from portal.access.actor import Actor  # noqa: E402
from tenants import actions  # noqa: E402
from tenants.models import Tenant  # noqa: E402

BY = Actor.system("test")


def seed() -> None:
    call_command("seed", stdout=StringIO())


def make(count: str) -> list[str]:
    fill(int(count))
    many = Tenant.objects.filter(name__startswith="many-").order_by("name")
    for one in many.filter(status="suspended"):
        actions.reactivate(one.pk, actor=BY, reason="ready")
    return [str(pk) for pk in many.values_list("pk", flat=True)]


def edit(tenant_id: str, word: str) -> None:
    actions.edit(tenant_id, actor=BY, reason="test", display_name=word)


def suspend(tenant_id: str) -> None:
    actions.suspend(tenant_id, actor=BY, reason="test")


def reactivate(tenant_id: str) -> None:
    actions.reactivate(tenant_id, actor=BY, reason="test")


def die_suspending(tenant_id: str) -> None:
    with transaction.atomic():
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        suspend(tenant_id)


def serve() -> None:
    verbs: dict[str, Any] = {
        "seed": seed, "make": make, "edit": edit, "suspend": suspend, "reactivate": reactivate,
        "die-suspending": die_suspending,
    }  # fmt: skip
    for line in sys.stdin:
        verb, *words = line.split()
        said = verbs[verb](*words)
        print(json.dumps({"at": time.clock_gettime(time.CLOCK_BOOTTIME), "said": said}), flush=True)


if __name__ == "__main__":
    serve()
