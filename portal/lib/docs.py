"""The browsable API documentation, made to fit the content security policy."""

import re
from functools import cache

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse

PACKAGED = "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui.css"
EMBEDDED_IMAGE = re.compile(r"""url\((["']?)data:.*?\1\)""")


@cache
def _stylesheet() -> str:
    found = finders.find(PACKAGED)
    with open(str(found), encoding="utf-8") as packaged:
        return EMBEDDED_IMAGE.sub("none", packaged.read())


def stylesheet(request: HttpRequest) -> HttpResponse:
    """The packaged stylesheet without its embedded images, which the policy refuses."""
    return HttpResponse(_stylesheet(), content_type="text/css", headers={"Cache-Control": "max-age=86400"})
