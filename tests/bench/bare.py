"""A bare handler: the same framework, the same server, answers of the same size, nothing else.

    bare.py ANSWERS    # a JSON file: name → answer

As in fsfax, answers are encoded as JSON for each request, and the body of a request is read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import falcon
import gevent.event

from fsfax.api.server import Server
from fsfax.settings import ApiSettings


class Bare:
    """Answers what it was given."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def on_get(self, _req: falcon.Request, resp: falcon.Response, name: str) -> None:
        resp.data = json.dumps(self._answers[name]).encode()
        resp.content_type = falcon.MEDIA_JSON

    def on_put(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        body = req.bounded_stream.read()
        if (req.content_type or "").startswith(falcon.MEDIA_JSON):
            json.loads(body)
        resp.status = falcon.HTTP_201
        resp.data = json.dumps(self._answers[name]).encode()
        resp.content_type = falcon.MEDIA_JSON


def main() -> None:
    """Serve until killed."""
    app: falcon.App[Any, Any] = falcon.App()
    app.add_route("/{name}", Bare(json.loads(Path(sys.argv[1]).read_text())))
    server = Server(app, ApiSettings(port=0))
    server.start()
    print(server.url, flush=True)
    gevent.event.Event().wait()
