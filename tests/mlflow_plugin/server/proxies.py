"""A real reverse proxy on this host, as docs/server-setup.md shows it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["NGINX_HEADERS", "Proxy", "started"]

NGINX = """
daemon off; master_process off; error_log {folder}/error.log; pid {folder}/pid; events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {behind};
      {headers}
    }}
  }}
}}
"""
NGINX_HEADERS = """proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-User "";"""
CADDY = """{{
  admin off
  auto_https off
  storage file_system {folder}/caddy
}}
http://127.0.0.1:{port} {{
  reverse_proxy {behind} {{
    header_up -X-Forwarded-User
  }}
}}
"""


@dataclass
class Proxy:
    """A running reverse proxy: its program, and its address."""

    program: str
    address: str


def started(program: str, folder: Path, behind: str, headers: str = NGINX_HEADERS) -> Iterator[Proxy]:
    """The proxy ``nginx`` or ``caddy`` before an address; skips where it is not installed."""
    if shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin") is None:
        pytest.skip(f"{program} is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = NGINX if program == "nginx" else CADDY
    place = folder / "proxy.conf"
    place.write_text(text.format(folder=folder, port=port, behind=behind, headers=headers))
    binary = str(shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin"))
    line = (
        ["-c", str(place), "-p", str(folder)] if program == "nginx" else ["run", "--adapter", "caddyfile", "--config"]
    )
    command = [binary, *line] if program == "nginx" else [binary, *line, str(place)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": "/usr/bin"})
    try:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        assert process.poll() is None, (folder / "log.txt").read_text()
        yield Proxy(program, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)
