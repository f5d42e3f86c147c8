"""An AWS account on moto, with doubles of GetMetricData and ListMetrics behind moto's own door, and faults to order.

moto renders 400 instances a second. An account that changes no more may answer a question asked again with the bytes
of its first answer (`kept`), so that a bench measures the reader.

moto goes through every point once for each query and knows no limit of queries, so for a fleet its answers take hours
and a wrong batch passes. The double takes what AWS takes in one call: 500 queries and 100,800 points.
"""

import io
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import boto3
from moto.cloudwatch.models import CloudWatchBackend
from moto.core.exceptions import ServiceException
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

POINTS, AGENT = 100_800, "CWAgent"
Series = Callable[[int], float | None]
WORDS = {"ec2": "Errors", "rds": "ErrorResponse"}


class TooMany(ServiceException):
    code = "ValidationError"
    message = "The collection MetricDataQueries must not have a size greater than 500."


@dataclass
class Metrics:
    """What resources measured: by metric and resource, the value of each two-hour window, None where there is none.

    `samples` is how many made up a window where they were fewer than one a minute; `by` the dimensions of an agent's
    series where there are more than the instance's id. Asked by others than these it has measured nothing.
    """

    series: dict[tuple[str, str], Series] = field(default_factory=dict)
    samples: dict[str, float] = field(default_factory=dict)
    by: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def answer(self, queries: list[dict[str, Any]], start_time: datetime, end_time: datetime, **_: Any) -> Any:
        if len(queries) > 500:
            raise TooMany("ValidationError", TooMany.message)
        stat = queries[0]["MetricStat"]
        self.calls[stat["Metric"]["MetricName"]] += 1
        period = timedelta(seconds=int(stat["Period"]))
        windows = range(int((end_time - start_time) / period))
        assert len(windows) * len(queries) <= POINTS
        moments = [start_time + n * period for n in windows]
        return [self._one(query["Id"], query["MetricStat"], moments) for query in queries]

    def _one(self, id_: str, asked: dict[str, Any], moments: list[datetime]) -> dict[str, Any]:
        metric, name = asked["Metric"], asked["Metric"]["MetricName"]
        by = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
        resource = by.get("InstanceId") or by["DBInstanceIdentifier"]
        is_its = metric["Namespace"] != AGENT or by == self._dimensions(resource)
        series = self.series.get((name, resource)) if is_its else None
        found = [(at, value) for n, at in enumerate(moments) if series and (value := series(n)) is not None]
        if asked["Stat"] == "SampleCount":
            found = [(at, self.samples.get(resource, 120.0)) for at, _ in found]
        return {
            "id": id_,
            "label": name,
            "values": [value for _, value in found],
            "timestamps": [at for at, _ in found],
            "status_code": "Complete",
        }

    def published(self, next_token: str | None, namespace: str, metric_name: str, dimensions: Any) -> Any:
        """The agent's series of a name, 500 a page."""
        assert namespace == AGENT and not dimensions
        names = sorted(one for name, one in self.series if name == metric_name)
        start = int(next_token or 0)
        page = [{"Namespace": AGENT, "MetricName": metric_name, "Dimensions": as_pairs(self._dimensions(one))}
                for one in names[start : start + 500]]  # fmt: skip
        return (str(start + 500) if start + 500 < len(names) else None), page

    def _dimensions(self, resource: str) -> dict[str, str]:
        return {"InstanceId": resource, **self.by.get(resource, {})}


def as_pairs(by: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in by.items()]


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing."""


@dataclass
class Double:
    """The account at `url`. `refuse` gives a call's error code, or nothing; it is asked before moto is.

    With `kept` a dictionary instead of None, what moto has answered once is answered from there.
    """

    refuse: Callable[[str, str], str] = lambda region, action: ""
    metrics: Metrics = field(default_factory=Metrics)
    calls: Counter[str] = field(default_factory=Counter)
    kept: dict[tuple[str, bytes], tuple[str, list[tuple[str, str]], bytes]] | None = None

    def __enter__(self) -> "Double":
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._theirs = CloudWatchBackend.get_metric_data, CloudWatchBackend.list_metrics
        CloudWatchBackend.get_metric_data = lambda _, **given: self.metrics.answer(**given)  # type: ignore[method-assign]
        CloudWatchBackend.list_metrics = lambda _, *given: self.metrics.published(*given)  # type: ignore[method-assign]
        self._server = make_server("127.0.0.1", 0, self._ask, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        CloudWatchBackend.get_metric_data, CloudWatchBackend.list_metrics = self._theirs  # type: ignore[method-assign]

    def client(self, service: str, region: str = "us-east-1") -> Any:
        who = {"aws_access_key_id": "reader", "aws_secret_access_key": "not-a-secret"}
        return boto3.client(service, region_name=region, endpoint_url=self.url, **who)

    def _ask(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
        region, service = (scope[2], scope[3]) if len(scope) > 3 else ("", "")
        said = parse_qs(body.decode(errors="replace")).get("Action", [""])[0]
        action = said or environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        self.calls[action] += 1
        if code := self.refuse(region, action):
            start("503 Service Unavailable" if code == "RequestLimitExceeded" else "403 Forbidden", [])
            return [_error(service, code)]
        if self.kept is None:
            return self._moto(environ, start)
        question = f"{region} {service} {action}", body
        if question not in self.kept:
            self.kept[question] = self._answer(environ)
        status, headers, answer = self.kept[question]
        start(status, headers)
        return [answer]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        answer, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
        return status, headers.to_wsgi_list(), b"".join(answer)


def _error(service: str, code: str) -> bytes:
    if service == "monitoring":
        return f'{{"__type": "{code}", "message": "no"}}'.encode()
    one = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    if service == "ec2":
        return f"<Response><Errors>{one}</Errors><RequestID>1</RequestID></Response>".encode()
    return f"<ErrorResponse>{one}<RequestId>1</RequestId></ErrorResponse>".encode()
