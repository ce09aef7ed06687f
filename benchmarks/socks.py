"""
The application's side of a PT client: SOCKS5 with the transport's arguments.

Written step by step, waiting for each answer, as tor does it: some transports
treat anything that comes early as an error. (RFC 1928, RFC 1929, and "Per-Connection
Arguments" of tor's pt-spec.)
"""

from __future__ import annotations

import re
import socket

from benchmarks.streams import Stalled, prepare, receive, send

Address = tuple[str, int]

_ADDRESS_LENGTHS = {1: 4, 4: 16}
_MAX_FIELD = 255


class Refused(Exception):
    """
    The PT client answered, and the answer is no.
    """


def argumentsFromSmethod(text: str) -> str:
    r"""
    Turn the ARGS of an SMETHOD line into what goes through SOCKS.

    :param text: ``k=v,k=v``; ``,``, ``=`` and ``\`` in it have a ``\`` before them.
    :returns: ``k=v;k=v``; only ``;`` and ``\`` have a ``\`` before them.
    """
    pairs = re.findall(r"(?:\\.|[^,\\])+", text)
    plain = (re.sub(r"\\(.)", r"\1", pair) for pair in pairs)
    return ";".join(re.sub(r"([;\\])", r"\\\1", pair) for pair in plain)


def credentials(arguments: str) -> bytes:
    """
    The RFC 1929 message that carries ``arguments``.

    :param arguments: as from ``argumentsFromSmethod``, 1 to 510 bytes.
    :raises ValueError: they are longer.
    """
    data = arguments.encode()
    user, password = data[:_MAX_FIELD], data[_MAX_FIELD:] or b"\0"
    if len(password) > _MAX_FIELD:
        raise ValueError("the arguments do not fit into a SOCKS5 user name and password")
    return b"".join((b"\x01", bytes([len(user)]), user, bytes([len(password)]), password))


def connect(proxy: Address, target: Address, arguments: str) -> socket.socket:
    """
    Open a transport connection.

    :param proxy: where the PT client listens.
    :param target: the PT server, an IPv4 address and port.
    :param arguments: for the transport; may be empty.
    :returns: a prepared socket on which payload may flow.
    :raises Refused: the PT client could not connect.
    :raises Stalled: it closed the connection, or did not answer in time.
    """
    stream = prepare(socket.create_connection(proxy))
    try:
        _greet(stream, arguments)
        _request(stream, target)
    except BaseException:
        stream.close()
        raise
    return stream


def _greet(stream: socket.socket, arguments: str) -> None:
    method = 2 if arguments else 0
    send(stream, bytes((5, 1, method)))
    if receive(stream, 2) != bytes((5, method)):
        raise Refused(f"SOCKS method {method} is not accepted")
    if arguments:
        send(stream, credentials(arguments))
        if receive(stream, 2) != b"\x01\x00":
            raise Refused("the transport's arguments are not accepted")


def _request(stream: socket.socket, target: Address) -> None:
    host, port = target
    send(stream, b"\x05\x01\x00\x01" + socket.inet_aton(host) + port.to_bytes(2, "big"))
    version, code, _, kind = receive(stream, 4)
    if version != 5 or kind not in _ADDRESS_LENGTHS:
        raise Stalled("what answers is not SOCKS5")
    receive(stream, _ADDRESS_LENGTHS[kind] + 2)
    if code:
        raise Refused(f"SOCKS reply {code}")
