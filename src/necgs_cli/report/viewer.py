"""A server for this machine's browser: shows the models of a set at an address that nobody can guess."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePath
from string import Template
from urllib.parse import quote, urlsplit

from necgs_cli.report.viewed_set import CannotShow, ViewedSet
from necgs_cli.report.web_files import viewer_modules, web_text

HOST = "127.0.0.1"
_KNOWN_HOSTS = (HOST, "localhost")
_FILES = {
    "style.css": "text/css",
    "viewer.css": "text/css",
    "viewer.js": "text/javascript",
    **{path: "text/javascript" for path in viewer_modules().values()},
}
_MODEL_PATH = re.compile(r"api/models/([0-9]{1,18})/(mesh|thumbnail|file\.[a-z]{1,8})")
_FOR_THIS_RUN = "private, max-age=3600"  # the address changes with every run, so that nothing stale is ever shown


class ViewerServer(ThreadingHTTPServer):
    """Serves one set to browsers of this machine.

    Every request must carry the token that `address` holds and name this machine in its Host header, so that neither
    other users nor web pages that guess the port can read the set.

    Args:
        viewed: what to show.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, viewed: ViewedSet, port: int = 0):
        super().__init__((HOST, port), _Handler)
        self.viewed = viewed
        self.token = secrets.token_urlsafe(24)
        self.page, self.policy = _page(viewed)
        self.address = f"http://{HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a browser that goes away in the middle of an answer is no error."""


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD for the page, its files, the list of models, and each model."""

    server: ViewerServer
    server_version = "necgs"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        if not self._allowed():
            self._refuse(HTTPStatus.FORBIDDEN)
            return
        path = urlsplit(self.path).path.removeprefix(f"/{self.server.token}/")
        model = _MODEL_PATH.fullmatch(path)
        if path == "":
            self._answer(self.server.page.encode(), "text/html; charset=utf-8", "no-store")
        elif path.startswith("web/") and path[4:] in _FILES:
            name = path[4:]
            self._answer(web_text(name).encode(), f"{_FILES[name]}; charset=utf-8", _FOR_THIS_RUN)
        elif path == "api/set":
            listing = json.dumps(self.server.viewed.listing, allow_nan=False)
            self._answer(listing.encode(), "application/json", "no-store")
        elif model and int(model[1]) < len(self.server.viewed.names):
            self._model(int(model[1]), model[2])
        else:
            self._refuse(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET

    def _model(self, id: int, what: str) -> None:
        viewed = self.server.viewed
        try:
            if what == "mesh":
                self._answer(viewed.packed(id), "application/octet-stream", _FOR_THIS_RUN)
            elif what == "thumbnail":
                self._answer(viewed.thumbnail(id), "image/png", _FOR_THIS_RUN)
            elif (ending := what.removeprefix("file.")) in viewed.listing["formats"]:
                body = viewed.file(id, ending)
                self._answer(body, "application/octet-stream", "no-store", _file_name(viewed.names[id], ending))
            else:
                self._refuse(HTTPStatus.NOT_FOUND)
        except CannotShow as error:
            self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _allowed(self) -> bool:
        """Whether the request comes through the address that was given out, and was not led here by another name."""
        hosts = self.headers.get_all("Host") or []
        known = {f"{name}:{self.server.server_port}" for name in _KNOWN_HOSTS}
        token = self.path.split("/")[1] if self.path.startswith("/") else ""
        whole = self.path.startswith(f"/{token}/")
        return (
            len(hosts) == 1
            and hosts[0].lower() in known
            and whole
            and hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode())
        )

    def _refuse(self, status: HTTPStatus, reason: str | None = None) -> None:
        body = json.dumps({"reason": reason or status.phrase}).encode()
        self._answer(body, "application/json", "no-store", status=status)

    def _answer(
        self, body: bytes, kind: str, caching: str, file_name: str | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", caching)
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        if file_name is not None:
            # Only percent-encoded ASCII goes into the header, whatever the set calls its models.
            self.send_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(file_name, safe='')}")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Keeps requests to itself: the token is in their paths."""


def _page(viewed: ViewedSet) -> tuple[str, str]:
    """The page, and the policy under which it runs: nothing but this server's own files, and its one inline map."""
    addresses = {name: f"./web/{path}" for name, path in viewer_modules().items()}
    import_map = json.dumps({"imports": addresses})
    digest = base64.b64encode(hashlib.sha256(import_map.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    title = f"{PurePath(viewed.listing['path']).name}: necgs view"
    page = Template(web_text("viewer.html")).substitute(title=html.escape(title), import_map=import_map)
    return page, policy


def _file_name(name: str, ending: str) -> str:
    """The last part of a model's name, with the ending of the format in place of a mesh file's."""
    last = re.sub(r"[\x00-\x1f\x7f-\x9f]", "_", re.split(r"[/\\]", name)[-1])
    stem = re.sub(r"\.(obj|ply|stl|off|glb|gltf|3mf)$", "", last, flags=re.IGNORECASE)
    return f"{stem.strip('. ') or 'model'}.{ending}"
