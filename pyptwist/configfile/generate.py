"""
A server's configuration file and its clients', with keys that were never used.

Where a method takes its keys as options, they are in the server's file, which then
is all that the server needs.  Any other method makes its keys in a state directory,
as it does when it runs; that is kept, and the server's file names it.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyptwist.addresses import HostPort
from pyptwist.arguments import JSON, Arguments
from pyptwist.configfile.writing import document
from pyptwist.errors import ConfigurationError
from pyptwist.expressions import isExpression, joinArguments, layerNames, parseExpression
from pyptwist.interfaces import Context
from pyptwist.ipc.configuration import Mode
from pyptwist.ipc.options import located
from pyptwist.metrics import Metrics
from pyptwist.network import DirectNetwork
from pyptwist.registry import Methods
from pyptwist.state import StateDirectory

Entropy = Callable[[int], bytes]

#: Of both files: the client's holds what shows that this is a bridge.
_PRIVATE: Final = 0o600


@dataclass(frozen=True, repr=False)
class Wanted:
    """
    What is to be written.

    :ivar method: its name, or a stack's expression.
    :ivar server: where clients reach the server.
    :ivar target: where the server forwards to.
    :ivar listen: where applications reach the client.
    """

    method: str
    server: HostPort
    target: HostPort
    listen: HostPort
    mode: Mode
    directory: str

    @property
    def name(self) -> str:
        """
        The method's, or one for the stack.
        """
        if not isExpression(self.method):
            return self.method
        return "_".join(parseExpression(self.method))

    @property
    def stacks(self) -> dict[str, str]:
        """
        What has to be defined.
        """
        return {self.name: self.method} if isExpression(self.method) else {}

    @property
    def bind(self) -> HostPort:
        """
        Where the server listens: everywhere, unless clients are on this machine.
        """
        if self.server.isLoopback:
            return self.server
        isV6 = self.server.ip is not None and self.server.ip.version == 6
        return HostPort("::" if isV6 else "0.0.0.0", self.server.port)  # noqa: S104

    def path(self, end: str) -> str:
        """
        :param end: of the file's name.
        """
        return os.path.join(self.directory, f"{self.name}-{end}")


@dataclass(frozen=True, repr=False)
class Generated:
    """
    What was written.

    :ivar state: a directory that belongs to the server's file; None if it needs none.
    """

    server: str
    client: str
    state: str | None


def generate(reactor: Any, wanted: Wanted, entropy: Entropy = os.urandom) -> Generated:
    """
    Write both files, each readable to its owner alone.

    :raises ConfigurationError: if there is no such method for both sides, it cannot
        do without more options, or something is there that would be overwritten.
    """
    generated = Generated(wanted.path("server.toml"), wanted.path("client.toml"), None)
    kept = wanted.path("state")
    for path in (generated.server, generated.client, kept):
        if os.path.lexists(path):
            raise ConfigurationError(f"{path} is there already, and is left alone")
    methods = Methods(wanted.stacks)
    with tempfile.TemporaryDirectory(prefix="pyptwist-") as directory:
        state = os.path.join(directory, "state")
        context = Context(
            reactor, DirectNetwork(reactor), StateDirectory(state), Metrics(), entropy
        )
        options, known = freshOptions(wanted.method, entropy, wanted.server)
        endpoint = methods.server(wanted.name).serverEndpoint(context, wanted.bind, options)
        # In a file, the address has a key of its own.
        _, needed = located(endpoint.clientArguments, wanted.server)
        methods.client(wanted.name).clientEndpoint(context, wanted.server, needed)
        keeps = not known and os.path.isdir(state)
        server = _server(wanted, options, kept if keeps else None)
        client = _client(wanted, needed)
        _write(
            {generated.server: server, generated.client: client}, state if keeps else None, kept
        )
    return Generated(generated.server, generated.client, kept if keeps else None)


def freshOptions(
    method: str, entropy: Entropy, server: HostPort | None = None
) -> tuple[Arguments, bool]:
    """
    :param method: its name, or a stack's expression.
    :param server: where clients reach it, which some handshakes say; None if that is
        not known yet, and the server itself finds out what to say.
    :returns: a server's options with fresh keys; and whether they are all keys that
        it has.
    """
    if not isExpression(method):
        return _fresh(method, entropy, server) or Arguments(), _isKnown(method)
    names = parseExpression(method)
    made = {
        layer: fresh
        for layer, name in zip(layerNames(names), names, strict=True)
        if (fresh := _fresh(name, entropy, server)) is not None
    }
    return joinArguments(made), all(map(_isKnown, names))


def _isKnown(method: str) -> bool:
    return method in _KEYS or method in _PLACED_KEYS


def _fresh(method: str, entropy: Entropy, server: HostPort | None) -> Arguments | None:
    if method in _PLACED_KEYS:
        return _PLACED_KEYS[method](entropy, server)
    return _KEYS[method](entropy) if method in _KEYS else None


def _obfs4(entropy: Entropy) -> Arguments:
    from pyptwist.transports.obfs4.identity import Identity

    keys = Identity.fresh(entropy).keys
    return Arguments(
        {
            "node-id": keys.nodeId.hex(),
            "private-key": keys.privateKey.hex(),
            "drbg-seed": keys.seed.hex(),
        }
    )


def _scramblesuit(entropy: Entropy) -> Arguments:
    from pyptwist.transports.scramblesuit.handshake import PASSWORD_LENGTH
    from pyptwist.transports.scramblesuit.identity import writePassword

    return Arguments({"password": writePassword(entropy(PASSWORD_LENGTH))})


def _obfs2(entropy: Entropy) -> Arguments:
    # 160 bits: 32 letters and digits, which bridge lines can hold.
    return Arguments({"shared-secret": base64.b32encode(entropy(20)).decode("ascii")})


def _none(entropy: Entropy) -> Arguments:
    return Arguments()


def _shadow(entropy: Entropy, server: HostPort | None) -> Arguments:
    from pyptwist.transports.shadow.method import DARKSTAR, DEFAULT_CIPHER, freshPassword

    if server is None or server.ip is None:  # which DarkStar needs
        return Arguments(cipherName=DEFAULT_CIPHER, password=freshPassword(entropy))
    return Arguments(cipherName=DARKSTAR).updated(_starbridge(entropy, server))


def _starbridge(entropy: Entropy, server: HostPort | None) -> Arguments:
    from pyptwist.transports.shadow.keys import PrivateKey, encode

    key = encode(PrivateKey.fresh(entropy).raw)
    address = Arguments() if server is None else Arguments(serverAddress=str(server))
    return address.updated(Arguments(serverPrivateKey=key))


def _replicant(entropy: Entropy, server: HostPort | None) -> Arguments:
    parts = Arguments(toneburst="Starburst", polish="DarkStar")
    return parts.updated(_starbridge(entropy, server))


#: How to make a server's keys as options.
_KEYS: Final[Mapping[str, Callable[[Entropy], Arguments]]] = {
    "b64": _none,
    "dummy": _none,
    "obfs2": _obfs2,
    "obfs3": _none,
    "obfs4": _obfs4,
    "scramblesuit": _scramblesuit,
}

#: The same for methods whose handshake says where the server is.
_PLACED_KEYS: Final[Mapping[str, Callable[[Entropy, HostPort | None], Arguments]]] = {
    "Replicant": _replicant,
    "Starbridge": _starbridge,
    "replicant": _replicant,
    "shadow": _shadow,
    "starbridge": _starbridge,
}


# --- The files --------------------------------------------------------------


def _server(wanted: Wanted, options: Arguments, state: str | None) -> str:
    keys: dict[str, JSON] = {"method": wanted.name}
    if wanted.mode is not Mode.SOCKS5:  # which says nothing to a server
        keys["mode"] = wanted.mode.value
    keys |= {"listen": str(wanted.bind), "target": str(wanted.target)}
    if state is not None:
        keys["state"] = os.path.basename(state)
    title = "The server's. It holds secrets: keep it to yourself."
    return document(title, wanted.stacks, "server", keys, options)


def _client(wanted: Wanted, arguments: Arguments) -> str:
    keys: dict[str, JSON] = {
        "method": wanted.name,
        "mode": wanted.mode.value,
        "listen": str(wanted.listen),
        "server": str(wanted.server),
    }
    title = "For clients. Who has it can find the server: hand it on with care."
    return document(title, wanted.stacks, "client", keys, arguments)


def _write(files: Mapping[str, str], state: str | None, kept: str) -> None:
    """
    All, or nothing.
    """
    written: list[str] = []
    isOurs = False
    try:
        for path, text in files.items():
            os.makedirs(os.path.dirname(path) or ".", 0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            descriptor = os.open(path, flags, _PRIVATE)
            written.append(path)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        if state is not None:
            os.mkdir(kept, 0o700)
            isOurs = True
            shutil.copytree(state, kept, dirs_exist_ok=True)
    except OSError as error:
        for path in written:
            os.unlink(path)
        if isOurs:
            shutil.rmtree(kept, ignore_errors=True)
        raise ConfigurationError(f"the files cannot be written: {error.strerror}") from None
