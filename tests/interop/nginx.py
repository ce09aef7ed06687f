"""
Debian's nginx, as the web server in front of ours.
"""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, spawn
from pyptwist.testing.environments import baseEnvironment, freshDirectory
from pyptwist.testing.streams import Address
from tests.certificates import Issued
from tests.peers import requirePeer
from tests.ports import freePort

_CONFIGURATION: Final = """
daemon off;
master_process off;
error_log /dev/stdout notice;
pid {prefix}/pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    default_type text/html;
    client_body_temp_path {prefix}/body;
    proxy_temp_path {prefix}/proxy;
    fastcgi_temp_path {prefix}/fastcgi;
    uwsgi_temp_path {prefix}/uwsgi;
    scgi_temp_path {prefix}/scgi;
    {more}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        {locations}
    }}
}}
"""


async def nginx(test: TestCase, issued: Issued, locations: str, more: str = "") -> Address:
    """
    Start one with TLS, until the test's cleanup.

    :param issued: its certificate.
    :param locations: of its one server.
    :param more: for all of HTTP.
    :returns: where it listens.
    """
    program = requirePeer("nginx")
    prefix = freshDirectory(test)
    prefix.mkdir()
    certificate, key = issued.write(str(prefix))
    port = freePort()
    file = prefix / "nginx.conf"
    file.write_text(
        _CONFIGURATION.format(
            prefix=prefix,
            port=port,
            certificate=certificate,
            key=key,
            locations=locations,
            more=more,
        )
    )
    command = [program, "-p", str(prefix), "-c", str(file), "-e", "/dev/stdout"]
    child = spawn(test, Child("nginx"), command, baseEnvironment())
    # It says so once it listens.
    await child.whenLine("using the .* event method")
    return "127.0.0.1", port
