"""A small application behind the limits, which does what no request of MLflow's should: it does not come to an end.

``python -m tests.mlflow_plugin.server.slow PORT WORKERS`` serves it as MLflow's is served.
"""

import hashlib
import json
import logging
import os
import sys
import time
import warnings
from typing import Any

import uvicorn
from fastapi import FastAPI
from flask import Flask
from sqlalchemy import create_engine, text

from aims_gates.mlflow_plugin.server.configuration import Configuration
from aims_gates.mlflow_plugin.server.limits import Limits
from aims_gates.mlflow_plugin.server.overrun import end_statements, watched

SECONDS = 1.5


def served() -> Any:
    """The application of one worker."""
    logging.basicConfig()
    end_statements()
    flask = Flask("slow")
    engine = create_engine("sqlite://")
    for name, function in (("python", _in_python), ("in-c", _in_c), ("rest", _rest)):
        flask.add_url_rule(f"/{name}", view_func=function)
    flask.add_url_rule("/pid", view_func=lambda: str(os.getpid()))

    @flask.route("/sql")
    def in_sql() -> str:
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        with engine.connect() as connection:
            return str(connection.execute(text(endless)).scalar())

    flask.wsgi_app = watched(flask.wsgi_app)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.middleware.wsgi import WSGIMiddleware  # of which MLflow's is a copy
    app = FastAPI()
    app.mount("/", WSGIMiddleware(flask))
    return Limits(app, Configuration(request_seconds=SECONDS), _answer)


async def _answer(send: Any, status: int, code: str, message: str) -> None:
    data = json.dumps({"error_code": code, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


def _rest() -> str:
    time.sleep(0.3)
    return "rested"


def _in_python() -> str:
    while True:
        pass


def _in_c() -> str:
    return hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2**31 - 1).hex()


if __name__ == "__main__":
    uvicorn.run(
        "tests.mlflow_plugin.server.slow:served",
        factory=True,
        port=int(sys.argv[1]),
        workers=int(sys.argv[2]),
        log_level="warning",
    )
