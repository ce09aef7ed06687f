"""
Who an obfs4 server is: its long-term keys, and how they are written down.

obfs4_state.json (one line, no line end; every value but the last in hex)::

    {"node-id":"20 bytes","private-key":"32 bytes","public-key":"32 bytes",
     "drbg-seed":"24 bytes","iat-mode":0}

cert (of a bridge line): base64 without padding of node-id | public key, 70
characters.

Both are obfs4proxy's own (0.0.14, statefile.go), so that an operator can go over
from one program to the other, and back, without a new bridge line.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from nacl.bindings import crypto_scalarmult_base

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.transports.obfs4.handshake import ServerIdentity, ServerKeys

STATE_FILE: Final = "obfs4_state.json"
BRIDGE_LINE_FILE: Final = "obfs4_bridgeline.txt"

NODE_ID_LENGTH: Final = 20
KEY_LENGTH: Final = 32
SEED_LENGTH: Final = 24

_KEY_OPTIONS: Final = ("node-id", "private-key", "drbg-seed")

# Scripts look for the line that begins with "Bridge obfs4 ", and replace the
# three placeholders: those are obfs4proxy's.
_BRIDGE_LINE_FILE_TEXT: Final = """\
# A bridge line for the torrc of those who are to use this obfs4 bridge.
#
# It is made anew at each start: changes to this file change nothing.
#
# Put in the right values before you hand it on:
#  <IP ADDRESS>  the address under which the bridge is reached from outside
#  <PORT>        the TCP port of the obfs4 listener (not tor's ORPort)
#  <FINGERPRINT> the bridge's identity, from tor's "fingerprint" file

Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> {arguments}
"""


@dataclass(frozen=True)
class Identity:
    """
    A server's long-term keys and its mode.

    :ivar keys: what a handshake needs.
    :ivar iatMode: 0 writes each burst at once, 1 cuts it into full packets and
        2 into packets of random lengths, with random delays.
    """

    keys: ServerKeys
    iatMode: int

    @property
    def cert(self) -> str:
        """
        Node id and public key as a bridge line has them, 70 characters.
        """
        return encodeCert(self.keys.nodeId, self.keys.publicKey)

    @property
    def clientArguments(self) -> Arguments:
        """
        What a client needs to know: ``cert`` and ``iat-mode``.
        """
        return Arguments({"cert": self.cert, "iat-mode": str(self.iatMode)})

    @classmethod
    def fresh(cls, entropy: Callable[[int], bytes]) -> Identity:
        """
        :param entropy: gives that many unpredictable bytes.
        :returns: a new identity, with iat-mode 0.
        """
        privateKey = entropy(KEY_LENGTH)
        return cls(_keys(entropy(NODE_ID_LENGTH), privateKey, entropy(SEED_LENGTH)), 0)

    @classmethod
    def fromOptions(cls, options: Arguments) -> Identity:
        """
        Read an identity that the operator wrote into the server options.

        :param options: ``node-id`` (40 hex digits), ``private-key`` (64) and
            ``drbg-seed`` (48; of a longer one, the first 48 count); ``iat-mode``
            is 0 unless it is there.
        :raises ConfigurationError: naming the option that is missing or wrong.
        """
        # Any longer seed passes, any shorter one is told the right length.
        seedLength = max(SEED_LENGTH, len(options.require("drbg-seed")) // 2)
        keys = _keys(
            options.hexadecimal("node-id", NODE_ID_LENGTH),
            options.hexadecimal("private-key", KEY_LENGTH),
            options.hexadecimal("drbg-seed", seedLength)[:SEED_LENGTH],
        )
        return cls(keys, iatMode(options, default=0))

    @classmethod
    def fromState(cls, data: bytes) -> Identity:
        """
        Read what ``toState``, or obfs4proxy, wrote.

        :raises ConfigurationError: saying what is wrong with it, in words that
            follow a colon.
        """
        try:
            fields = json.loads(data)
        except (ValueError, RecursionError):
            raise ConfigurationError("it is not JSON") from None
        if not isinstance(fields, dict):
            raise ConfigurationError("it is not a JSON object")
        # What obfs4proxy reads back as text must be text here, too: 10**39
        # would pass for a node id.
        for key in _KEY_OPTIONS:
            if not isinstance(fields.get(key, ""), str):
                raise ConfigurationError(f"{key!r} must be a string")
        return cls.fromOptions(Arguments(fields))

    def toState(self) -> bytes:
        """
        :returns: the contents of obfs4_state.json, byte for byte as obfs4proxy
            would write them.
        """
        fields = {
            "node-id": self.keys.nodeId.hex(),
            "private-key": self.keys.privateKey.hex(),
            "public-key": self.keys.publicKey.hex(),
            "drbg-seed": self.keys.seed.hex(),
            "iat-mode": self.iatMode,
        }
        return json.dumps(fields, separators=(",", ":")).encode("ascii")

    def toBridgeLineFile(self) -> bytes:
        """
        :returns: the contents of obfs4_bridgeline.txt.
        """
        pairs = self.clientArguments.texts()
        arguments = " ".join(f"{key}={value}" for key, value in pairs)
        return _BRIDGE_LINE_FILE_TEXT.format(arguments=arguments).encode("ascii")


def loadIdentity(
    options: Arguments, state: StateDirectory | None, entropy: Callable[[int], bytes]
) -> Identity:
    """
    The identity of a server that is about to start: from its options, else from
    its state, else a new one; and write it down again.

    :param options: the operator's, see ``Identity.fromOptions``; the three keys
        all or none.  ``iat-mode`` alone overrides that of the state.
    :param state: where the files are; None if nowhere.
    :raises ConfigurationError: if an option is wrong or missing, the state
        cannot be read or written, or is damaged: that is never replaced, since
        every bridge line in the hands of users would be void.
    """
    if any(key in options for key in _KEY_OPTIONS):
        identity = Identity.fromOptions(options)
    elif state is None:
        raise ConfigurationError(
            "obfs4 needs a state directory to keep its keys in (TOR_PT_STATE_LOCATION, or "
            f"state=DIRECTORY in an endpoint string), or the options {', '.join(_KEY_OPTIONS)}"
        )
    else:
        identity = _stored(state) or Identity.fresh(entropy)
        identity = replace(identity, iatMode=iatMode(options, identity.iatMode))
    if state is not None:
        state.write(STATE_FILE, identity.toState())
        state.write(BRIDGE_LINE_FILE, identity.toBridgeLineFile())
    return identity


def serverIdentity(arguments: Arguments) -> ServerIdentity:
    """
    Read what a client knows about its server.

    :param arguments: of a bridge line: ``cert``, or else ``node-id`` (40 hex
        digits) and ``public-key`` (64), as obfs4proxy before 0.0.3 had them.
    :raises ConfigurationError: naming the argument that is missing or wrong.
    """
    if "cert" in arguments or "node-id" not in arguments:
        nodeId, publicKey = decodeCert(arguments)
        return ServerIdentity(nodeId, publicKey)
    return ServerIdentity(
        arguments.hexadecimal("node-id", NODE_ID_LENGTH),
        arguments.hexadecimal("public-key", KEY_LENGTH),
    )


def encodeCert(nodeId: bytes, publicKey: bytes) -> str:
    """
    :param nodeId: 20 bytes.
    :param publicKey: 32 bytes.
    :returns: 70 characters of base64.
    """
    return base64.b64encode(nodeId + publicKey).decode("ascii").rstrip("=")


def decodeCert(arguments: Arguments) -> tuple[bytes, bytes]:
    """
    :returns: the node id and the public key in the argument ``cert``.
    :raises ConfigurationError: if it is missing or wrong.
    """
    raw = arguments.base64("cert", NODE_ID_LENGTH + KEY_LENGTH)
    return raw[:NODE_ID_LENGTH], raw[NODE_ID_LENGTH:]


def iatMode(arguments: Arguments, default: int | None = None) -> int:
    """
    :param default: what its absence means; None if it must be there.
    :returns: the argument ``iat-mode``.
    :raises ConfigurationError: if it is missing, or neither 0, 1 nor 2.
    """
    return arguments.integer("iat-mode", 0, 2, default)


def _keys(nodeId: bytes, privateKey: bytes, seed: bytes) -> ServerKeys:
    publicKey: bytes = crypto_scalarmult_base(privateKey)
    return ServerKeys(nodeId, privateKey, publicKey, seed)


def _stored(state: StateDirectory) -> Identity | None:
    data = state.read(STATE_FILE)
    if data is None:
        return None
    try:
        return Identity.fromState(data)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{state.path(STATE_FILE)} is damaged: {error}; bring back a copy of it, or "
            "remove it to get a new identity, which needs a new bridge line"
        ) from error
