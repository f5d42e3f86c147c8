"""The page a browser sees while a tenant's service rests: when it is back, and nothing else to load."""

import base64
import hashlib
from datetime import UTC

from flask import Response

from .problems import Maintenance

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #566072; --ground: #f6f7f9 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --quiet: #a3adbd; --ground: #14181f } }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; background: var(--ground); color: var(--ink);
       font: 1rem/1.6 system-ui, sans-serif }
main { max-width: 32rem; padding: 1.5rem }
h1 { font-size: 1.375rem; font-weight: 600; margin: 0 0 .5rem }
p { margin: 0 0 .5rem } .quiet { color: var(--quiet) }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>In maintenance</title><style>{style}</style></head>
<body><main><h1>This service is in maintenance</h1>
<p>It is back by <time datetime="{iso}"><strong>{shown}</strong></time> at the latest, and often sooner.</p>
<p class="quiet">Everything that was saved before is kept. Nothing can be read or saved until then.</p>
</main></body></html>
"""
HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page(rest: Maintenance) -> Response:
    """The page, refused as its problem is."""
    until = rest.until.astimezone(UTC)
    body = PAGE.format(style=STYLE, iso=until.isoformat(), shown=f"{until:%d %B %Y, %H:%M} UTC")
    headers = {**rest.headers, "Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Vary": "Accept"}
    return Response(body, rest.status, headers, content_type="text/html; charset=utf-8")
