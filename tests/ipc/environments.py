"""
Environments in which tor launches a child.
"""

from __future__ import annotations

# As tor 0.4.9.11 sets them.
COMMON = {
    "TOR_PT_MANAGED_TRANSPORT_VER": "1",
    "TOR_PT_STATE_LOCATION": "/var/lib/tor/pt_state/",
    "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
}
CLIENT = {**COMMON, "TOR_PT_CLIENT_TRANSPORTS": "x,y"}
SERVER = {
    **COMMON,
    "TOR_PT_SERVER_TRANSPORTS": "x,y",
    "TOR_PT_SERVER_BINDADDR": "x-127.0.0.1:2,y-[::1]:3",
    "TOR_PT_ORPORT": "127.0.0.1:4",
    "TOR_PT_EXTENDED_SERVER_PORT": "127.0.0.1:5",
    "TOR_PT_AUTH_COOKIE_FILE": "/var/lib/tor/extended_orport_auth_cookie",
    "TOR_PT_SERVER_TRANSPORT_OPTIONS": r"x:a=1;x:b=c\:d\;e\\f,g=h;y:q=2",
}


def without(environ: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in names}
