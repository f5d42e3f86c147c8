"""A double of AWS DataSync, for tests: moto says SUCCESS and copies nothing, knows no tags and no list, keeps no runs.

It carries between the S3 of the tests' regions what the task's list names, when it is told to, rightly or not. A run is
prepared when it starts and writes when it ends, whatever is there by then: worse than DataSync, which looks first.
Neither bandwidth, filters nor schedules; roles are names that are compared with nothing.
"""

import csv
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError
from werkzeug.serving import WSGIRequestHandler, make_server

from lifecycle.stores import aws
from portal.lib.regions import Region

OVER = ("SUCCESS", "ERROR")


class Refused(Exception):
    """The call's error code."""


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Nothing."""


@dataclass
class Run:
    task: dict[str, Any]
    named: list[tuple[str, str]] | None
    status: str = "LAUNCHING"
    files: int = 0
    bytes: int = 0


@dataclass
class Double:
    """DataSync in all of `regions`, at `url`.

    `carries` makes of a content what arrives, None for nothing. With `is_stuck` no run ends by itself, nor at once when
    it is cancelled, until it is let go. `asked` is told each call with whether it is done, and may refuse it.
    """

    regions: dict[str, Region]
    carries: Callable[[bytes], bytes | None] = lambda content: content
    is_stuck: bool = False
    ends: str = "SUCCESS"
    asked: Callable[[str, bool], None] = lambda action, is_done: None
    calls: Counter[str] = field(default_factory=Counter)
    locations: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)

    def __enter__(self) -> "Double":
        self._numbers, self._one = count(1), threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._ask, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def let_go(self) -> None:
        """Every run that hangs writes what it was to write, now, and ends."""
        self.is_stuck = False
        for run in self.runs.values():
            if run.status not in OVER:
                self._write(run)
                run.status = "ERROR" if run.status == "CANCELLING" else self.ends

    def _ask(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        given = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)) or b"{}")
        region = environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].split("/")[2]
        action = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
        try:
            self.asked(action, False)
            with self._one:
                self.calls[action] += 1
                answer = getattr(self, f"_{action}")(region, given)
            self.asked(action, True)
        except Refused as refused:
            start("400 Bad Request", [])
            return [json.dumps({"__type": str(refused), "message": "no"}).encode()]
        start("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps(answer).encode()]

    def _arn(self, region: str, kind: str) -> str:
        return f"arn:aws:datasync:{region}:000000000000:{kind}-{next(self._numbers):017}"

    def _CreateLocationS3(self, region: str, given: dict[str, Any]) -> Any:
        arn = self._arn(region, "location/loc")
        self.locations[arn] = {**given, "region": region}
        return {"LocationArn": arn}

    def _ListLocations(self, region: str, given: dict[str, Any]) -> Any:
        uris = {arn: f"s3://{one['S3BucketArn'].rpartition(':')[2]}/" for arn, one in self.locations.items()}
        here = {arn: uri for arn, uri in uris.items() if self.locations[arn]["region"] == region}
        wanted = [name for one in given.get("Filters", []) for name in one["Values"]]
        found = {arn: uri for arn, uri in here.items() if all(name in uri for name in wanted)}
        return {"Locations": [{"LocationArn": arn, "LocationUri": uri} for arn, uri in found.items()]}

    def _DeleteLocation(self, region: str, given: dict[str, Any]) -> Any:
        if any(given["LocationArn"] in task.values() for task in self.tasks.values()):
            raise Refused("InvalidRequestException")
        return self._gone(self.locations, given["LocationArn"])

    def _CreateTask(self, region: str, given: dict[str, Any]) -> Any:
        source, target = self.locations[given["SourceLocationArn"]], self.locations[given["DestinationLocationArn"]]
        if region not in (source["region"], target["region"]):
            raise Refused("InvalidRequestException")
        arn = self._arn(region, "task/task")
        self.tasks[arn] = {**given, "region": region, "from": source, "to": target}
        return {"TaskArn": arn}

    def _ListTasks(self, region: str, given: dict[str, Any]) -> Any:
        here = {arn: one for arn, one in self.tasks.items() if one["region"] == region}
        return {"Tasks": [{"TaskArn": arn, "Name": one["Name"], "Status": "AVAILABLE"} for arn, one in here.items()]}

    def _DeleteTask(self, region: str, given: dict[str, Any]) -> Any:
        return self._gone(self.tasks, given["TaskArn"])

    def _ListTagsForResource(self, region: str, given: dict[str, Any]) -> Any:
        found = self.tasks.get(given["ResourceArn"]) or self.locations.get(given["ResourceArn"])
        if found is None:
            raise Refused("InvalidRequestException")
        return {"Tags": found.get("Tags", [])}

    def _StartTaskExecution(self, region: str, given: dict[str, Any]) -> Any:
        task = self.tasks.get(given["TaskArn"])
        if task is None or any(run.task is task and run.status not in OVER for run in self.runs.values()):
            raise Refused("InvalidRequestException")
        run = Run(task, self._listed(task))
        if run.named is None:
            run.status = "ERROR"
        arn = f"{given['TaskArn']}/execution/exec-{next(self._numbers):017}"
        self.runs[arn] = run
        return {"TaskExecutionArn": arn}

    def _ListTaskExecutions(self, region: str, given: dict[str, Any]) -> Any:
        task = self.tasks[given["TaskArn"]]
        found = {arn: run for arn, run in self.runs.items() if run.task is task}
        return {"TaskExecutions": [{"TaskExecutionArn": arn, "Status": run.status} for arn, run in found.items()]}

    def _DescribeTaskExecution(self, region: str, given: dict[str, Any]) -> Any:
        """Each look takes it one state further."""
        run, arn = self.runs[given["TaskExecutionArn"]], given["TaskExecutionArn"]
        answer = {"TaskExecutionArn": arn, "Status": run.status, "FilesTransferred": run.files}
        answer |= {"BytesTransferred": run.bytes, "Result": {"ErrorCode": "Odd"} if run.status == "ERROR" else {}}
        if run.status == "TRANSFERRING" and not self.is_stuck:
            self._write(run)
            run.status = self.ends
        elif run.status == "LAUNCHING":
            run.status = "TRANSFERRING"
        return answer

    def _CancelTaskExecution(self, region: str, given: dict[str, Any]) -> Any:
        run = self.runs[given["TaskExecutionArn"]]
        if run.status in OVER:
            raise Refused("InvalidRequestException")
        run.status = "CANCELLING" if self.is_stuck else "ERROR"
        return {}

    def _gone(self, kept: dict[str, Any], arn: str) -> Any:
        if kept.pop(arn, None) is None:
            raise Refused("InvalidRequestException")
        return {}

    def _listed(self, task: dict[str, Any]) -> list[tuple[str, str]] | None:
        where = task["ManifestConfig"]["Source"]["S3"]
        place = {"Bucket": where["S3BucketArn"].rpartition(":")[2], "Key": where["ManifestObjectPath"]}
        try:
            body = self._s3(task["to"]).get_object(**place)["Body"].read().decode()
        except ClientError:
            return None
        return [(key, version) for key, version in csv.reader(io.StringIO(body))]

    def _write(self, run: Run) -> None:
        for key, version in run.named or []:
            place = {"Bucket": self._bucket(run.task["from"]), "Key": key, "VersionId": version}
            source = self._s3(run.task["from"])
            got = source.get_object(**place)
            content = self.carries(got["Body"].read())
            run.files += 1
            run.bytes += got["ContentLength"]
            if content is not None:
                tags = aws.as_dict(source.get_object_tagging(**place)["TagSet"])
                told = {name: got[name] for name in ("ContentType", "Metadata") if name in got}
                self._s3(run.task["to"]).put_object(
                    Bucket=self._bucket(run.task["to"]), Key=key, Body=content, Tagging=urlencode(tags), **told
                )

    def _bucket(self, location: dict[str, Any]) -> str:
        return str(location["S3BucketArn"].rpartition(":")[2])

    def _s3(self, location: dict[str, Any]) -> Any:
        return aws.client(self.regions[location["region"]], "s3")
