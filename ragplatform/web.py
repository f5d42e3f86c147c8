"""The platform's HTTP door: credentials, limits and shape; everything else is done behind it."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from bailiwick_client import ReadToken
from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from . import budgets, documents, handed, maintenance, metrics, people, queries, shape, tracing, usage
from .call import Call, Scope
from .database import ACTING, BY_ITSELF, LAST_WRITES
from .ids import new_id, uuid_or_none
from .neighbours import HOP, TOLD
from .problems import Elsewhere, Maintenance, Problem, not_found
from .services import Services

LOG = logging.getLogger("ragplatform.web")
MAX_BODY = 8 * 1024 * 1024
Answer = tuple[dict[str, Any] | None, int]
View = Callable[..., Answer]


def create_app(services: Services) -> Flask:
    """The WSGI application over started services."""
    app = Flask("ragplatform", static_folder=None)
    # one more than allowed: a body without a length is cut off here, and _body() must be able to tell
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1
    app.register_error_handler(Problem, _refusal)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    app.before_request(_begin)
    app.after_request(_finish(services))
    _document_routes(app, services)
    _people_routes(app, services)
    _open_routes(app, services)
    return app


def _document_routes(app: Flask, services: Services) -> None:
    def get_content(call: Call, document_id: UUID) -> Response:
        body, media_type = documents.content(services, call, document_id)
        return Response(body, mimetype=media_type, headers={"Content-Disposition": "attachment"})

    def get_page(call: Call) -> Answer:
        return documents.page(services, call, request.args.get("after", ""), request.args.get("limit", "50")), 200

    def remove(call: Call, document_id: UUID) -> Answer:
        documents.delete(services, call, document_id)
        return None, 204

    door = _Door(app, services)
    door.add("POST", "/v1/documents", "write", lambda call: documents.ingest(services, call, *_body()))
    door.add("GET", "/v1/documents", "read", get_page, splits=True)
    one = "/v1/documents/<id:document>"
    door.add("GET", one, "read", lambda call, at: (documents.read(services, call, at), 200), splits=True)
    door.add("GET", f"{one}/content", "read", get_content, splits=True)
    door.add("DELETE", "/v1/documents/<id:document>", "write", remove)
    door.add("POST", "/v1/query", "read", lambda call: (queries.answer(services, call, *_body()), 200), splits=True)
    door.add("POST", "/v1/budgets", "admin", lambda call: budgets.open_budget(services, call, *_body()))
    door.add("GET", "/v1/budgets", "read", lambda call: (budgets.budgets(services, call), 200))
    door.add("POST", "/v1/budget-transfers", "write", lambda call: budgets.transfer(services, call, *_body()))
    door.add(
        "GET",
        "/v1/budget-transfers/<id:transfer>",
        "read",
        lambda call, at: (budgets.one_transfer(services, call, at), 200),
    )
    door.add("GET", "/v1/usage", "read", lambda call: (usage.report(services, call), 200))


def _people_routes(app: Flask, services: Services) -> None:
    def removing(act: Callable[[Services, Call, UUID], None]) -> View:
        def view(call: Call, at: UUID) -> Answer:
            act(services, call, at)
            return None, 204

        return view

    door = _Door(app, services)
    door.add("POST", "/v1/users", "admin", lambda call: (people.add_user(services, call, *_body()), 201))
    door.add("GET", "/v1/users", "admin", lambda call: (people.users(services, call), 200))
    door.add("DELETE", "/v1/users/<id:user>", "admin", removing(people.remove_user))
    door.add("POST", "/v1/sessions", "write", lambda call: (people.open_session(services, call, *_body()), 201))
    door.add("DELETE", "/v1/sessions/<id:session>", "write", removing(people.close_session))
    door.add("POST", "/v1/api-keys", "admin", lambda call: (people.add_key(services, call, *_body()), 201))
    door.add("GET", "/v1/api-keys", "admin", lambda call: (people.keys(services, call), 200))
    door.add("DELETE", "/v1/api-keys", "admin", lambda call: (people.revoke_keys_of(services, call, _issuer()), 200))
    door.add("DELETE", "/v1/api-keys/<id:key>", "admin", removing(people.revoke_key))


def _open_routes(app: Flask, services: Services) -> None:
    @app.get("/health/live")
    def live() -> Response:
        return _json({"status": "ok"}, 200)

    @app.get("/health/ready")
    def ready() -> Response:
        parts = services.ready()
        return _json({"region": services.config.region, **parts}, 200 if all(parts.values()) else 503)

    @app.get("/metrics")
    def scrape() -> Response:
        services.database.tell_pool()
        metrics.forget(services.has_no_more)
        return Response(generate_latest(metrics.REGISTRY), content_type=CONTENT_TYPE_LATEST)


class _Door:
    """Registers views that only see admitted calls."""

    def __init__(self, app: Flask, services: Services) -> None:
        self._app = app
        self._services = services

    def add(
        self, method: str, path: str, scope: Scope, view: View | Callable[..., Response], *, splits: bool = False
    ) -> None:
        """Serve `method path` to callers with the scope. `<id:noun>` takes a UUID, anything else there is a 404.

        What `splits` only reads content, and may be read where the tenant moves to.
        """
        noun = path.partition("<id:")[2].partition(">")[0]

        def attempt(at: str) -> Response:
            for held in ("call", "limits", "held"):  # from an attempt before
                g.pop(held, None)
            LAST_WRITES.set(None if method == "GET" or scope == "read" else [])
            try:
                call = g.call = self._admit()
            except Elsewhere as away:
                g.placed = tracing.placed(away.tenant_id, away.region, away.epoch)
                raise
            g.placed = tracing.placed(call.tenant_id, call.tenant.region, call.tenant.routing_epoch)
            # people of the tenant are named nowhere but in its own rows
            ACTING.set((f"{method} {path}", "person" if call.user_id else call.subject))
            call.need(scope)
            if scope != "read" and request.method != "GET":
                self._pace(call)
            self._look_both_ways(call, splits)
            # a question is counted first, by its own door
            if splits and method == "GET" and (there := self._services.splitter.ask(call)) is not None:
                told = {name: there.headers[name] for name in TOLD if name in there.headers}
                return Response(there.content, 200, told)
            if not noun:
                return _answered(view(call))
            identifier = uuid_or_none(at)
            if identifier is None:
                raise not_found(noun)
            return _answered(view(call, identifier))

        def guarded(at: str = "") -> Response:
            serve = partial(self._services.follower.serve, lambda: attempt(at))
            return tracing.serving(f"{method} {path}", serve, lambda: g.get("placed") or {})

        rule = path.replace(f"<id:{noun}>", "<at>") if noun else path
        self._app.add_url_rule(rule, f"{method} {path}", guarded, methods=[method], provide_automatic_options=False)

    def _pace(self, call: Call) -> None:
        """Hold the tenant's writes to the pace it agreed to while it is moved; one that is done again counts once."""
        slow = call.tenant.service.throttle
        if slow is not None and "paced" not in g and datetime.now(UTC) < slow.until:
            self._services.caches.of(call.binding).pace(slow.writes_per_second, slow.until)
            g.paced = True

    def _look_both_ways(self, call: Call, splits: bool) -> None:
        """Answer for another only what it may be given, and have what is read compared."""
        if splits:
            self._services.mirror.offer(call)
        elif call.handed:
            raise Problem(403, "read-only", "Only reads of content are answered for another region.")
        split = call.tenant.reads
        if call.handed and split is not None and split.region == self._services.config.region:
            g.held = self._services.database.held(call.tenant_id, split.move)
            asked = handed.Asked.of(request.headers.get("X-Read-After", ""), request.headers.get(handed.KNOWN_FOR, ""))
            handed.require(g.held, asked)

    def _admit(self) -> Call:
        call = self._services.doorkeeper.admit(
            request.headers.get("Authorization", ""),
            request.headers.get("X-API-Key", ""),
            request.headers.get("X-Session", ""),
            ReadToken.of(request.headers.get("X-Read-After", "")),
            request.headers.get(handed.TICKET, ""),
        )
        if call.handed:
            return call
        g.limits = call.tenant.limits
        if "left" not in g:  # a request that is done again counts once
            g.left = self._services.caches.of(call.binding).admit(call.tenant.limits.requests_per_minute)
        return call


def _body() -> tuple[bytes, str]:
    raw = request.get_data()
    if len(raw) > MAX_BODY:
        raise RequestEntityTooLarge
    return raw, request.headers.get("Content-Type", "")


def _issuer() -> str:
    issuer = request.args.get("issued_by", "")
    return shape.text(1, 200)("issued_by", issuer)


def _answered(answer: Answer | Response) -> Response:
    return answer if isinstance(answer, Response) else _json(*answer)


def _json(data: dict[str, Any] | None, status: int) -> Response:
    return Response("" if data is None else json.dumps(data), status, mimetype="application/json")


def _begin() -> None:
    g.began = time.perf_counter()
    g.request_id = str(new_id())
    LAST_WRITES.set(None)
    ACTING.set(BY_ITSELF)


def _finish(services: Services) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        if writes := LAST_WRITES.get():
            response.headers["X-Last-Write"] = str(writes[-1])
            if "call" in g:
                services.splitter.note_write(g.call, writes[-1])
        if "call" in g and g.call.handed:
            response.headers[handed.TICKET] = "quiet"
        if g.get("held") is not None:
            response.headers[handed.APPLIED] = str(g.held)
        if "limits" in g:
            response.headers.add("RateLimit-Policy", f'"minute";q={g.limits.requests_per_minute};w=60')
        if "limits" in g and "left" in g:
            response.headers.add("RateLimit", f'"minute";r={g.left}')
        if "call" in g:
            _record(services, g.call, response)
        return response

    return finish


def _record(services: Services, call: Call, response: Response) -> None:
    tenant, route, status = str(call.tenant_id), request.endpoint or "none", str(response.status_code)
    if call.handed and request.headers.get(HOP) == handed.LOAD:
        metrics.HANDED_LOAD.labels(tenant).inc()
        return
    if call.handed:
        metrics.HANDED.labels(tenant, status).inc()
        if response.status_code != 409:  # which took no time, and the owner answered
            metrics.HANDED_SECONDS.labels(tenant).observe(time.perf_counter() - g.began)
        return
    metrics.REQUESTS.labels(tenant, route, status).inc()
    if response.status_code >= 500:
        metrics.ERRORS.labels(tenant, route).inc()
    services.logs.write(
        call.binding,
        "request",
        request=g.request_id,
        trace=request.headers.get("traceparent", "")[:55],
        route=route,
        status=response.status_code,
        milliseconds=round((time.perf_counter() - g.began) * 1000, 2),
    )


def _refusal(problem: Problem) -> Response:
    wanted = request.accept_mimetypes.best_match(["application/problem+json", "application/json", "text/html"])
    if isinstance(problem, Maintenance) and wanted == "text/html":
        return maintenance.page(problem)
    return Response(problem.body(), problem.status, problem.headers, content_type="application/problem+json")


def _http_error(error: HTTPException) -> Response:
    details = {
        404: "There is nothing at this address.",
        405: "This address does not take that method.",
        413: f"The body is larger than {MAX_BODY:,} bytes.",
    }
    status = error.code or 400
    headers = {"Allow": ", ".join(error.valid_methods or [])} if hasattr(error, "valid_methods") else {}
    code = (error.name or "refused").lower().replace(" ", "-")
    return _refusal(Problem(status, code, details.get(status, "The request cannot be read."), headers))


def _unexpected(error: Exception) -> Response:
    LOG.exception("request.failed request=%s type=%s", g.get("request_id"), type(error).__name__)
    detail = f"Something went wrong here; the request is {g.get('request_id')} in our logs."
    return _refusal(Problem(500, "unexpected", detail))
