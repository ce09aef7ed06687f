"""
From arguments to DarkStar's codecs, for the three methods that have it.

NAME_key.json (one line, no line end; base64)::

    {"serverPrivateKey": "32 bytes", "serverPublicKey": "66 bytes"}

Option names are those of shapeshifter-dispatcher's files, and forms of keys those of its
libraries: in its files each key has one byte more in front, which it cuts off.
"""

from __future__ import annotations

import base64
import json

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.crypto.dice import Entropy
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.ledger import Ledger
from pyptwist.state import StateDirectory
from pyptwist.transports.shadow.darkstar import (
    DarkStarClientCodec,
    DarkStarServerCodec,
    ServerShared,
)
from pyptwist.transports.shadow.handshake import ServerIdentity
from pyptwist.transports.shadow.keys import (
    PrivateKey,
    PublicKey,
    encode,
    readPrivateKey,
    readPublicKey,
    serverId,
)

#: Which form of the server's key goes into a client's confirmation.  More servers take the
#: first one: see ``pyptwist.transports.shadow.handshake``.
CONFIRMATIONS = ("compact", "keychain")


def darkStarClient(
    context: Context, address: HostPort | None, arguments: Arguments
) -> CodecFactory:
    """
    :param address: the server's, as the server has it.
    :param arguments: ``serverPublicKey``; and ``confirmation``.
    :returns: makes a codec, whose session key is made with it, before dialling.
    :raises ConfigurationError: naming what is missing or wrong.
    """
    if address is None:
        raise ConfigurationError("DarkStar needs the address of its server")
    key = readPublicKey(arguments)
    identity = ServerIdentity(key, serverId(address), _isCompact(arguments, key))
    return lambda: DarkStarClientCodec(identity, context.entropy)


def darkStarServer(
    context: Context, address: HostPort, arguments: Arguments, name: str
) -> tuple[CodecFactory, Arguments]:
    """
    :param address: where the server is, as its clients have it.
    :param arguments: ``serverPrivateKey``, without which the state directory has one.
    :param name: of the method, in lower case: its files begin with it.
    :returns: what makes a codec, and ``serverPublicKey`` for clients.
    :raises ConfigurationError: naming what is wrong, and the cure.
    """
    key = loadKey(arguments, context.stateDirectory, context.entropy, name)
    ledger = Ledger(context.stateDirectory, f"{name}_handshakes")
    # One object for all connections of this listener.
    shared = ServerShared(key, ledger, serverId(address))
    published = Arguments({"serverPublicKey": encode(_keychain(key))})
    return lambda: DarkStarServerCodec(shared, context.entropy), published


def loadKey(
    options: Arguments, state: StateDirectory | None, entropy: Entropy, name: str
) -> PrivateKey:
    """
    The key of a server that is about to start: from its options, else from its state,
    else a new one, which is kept.

    :raises ConfigurationError: if the option is wrong, the state cannot be read or
        written, or is damaged: that is never replaced, since every bridge line in the
        hands of users would be void.
    """
    if "serverPrivateKey" in options:
        return readPrivateKey(options)
    if state is None:
        raise ConfigurationError(
            f"{name} needs a state directory to keep its key in (TOR_PT_STATE_LOCATION, or "
            "state=DIRECTORY in an endpoint string), or the option serverPrivateKey"
        )
    file = f"{name}_key.json"
    kept = state.read(file)
    if kept is not None:
        return _stored(kept, state.path(file))
    key = PrivateKey.fresh(entropy)
    state.write(file, _composed(key))
    return key


def _isCompact(arguments: Arguments, key: PublicKey) -> bool:
    isCompact = arguments.choice("confirmation", CONFIRMATIONS, CONFIRMATIONS[0]) == "compact"
    if not isCompact and key.keychain is None:
        raise ConfigurationError(
            "the argument 'confirmation' can only be compact with a serverPublicKey of 32 bytes; "
            "ask for the one of 66 bytes"
        )
    return isCompact


def _composed(key: PrivateKey) -> bytes:
    fields = {
        "serverPrivateKey": base64.b64encode(key.raw).decode("ascii"),
        "serverPublicKey": base64.b64encode(_keychain(key)).decode("ascii"),
    }
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _stored(data: bytes, path: str) -> PrivateKey:
    try:
        return readPrivateKey(Arguments(_object(data)))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{path} is damaged: {error}; bring back a copy of it, or remove it to get a new "
            "key, which needs a new bridge line"
        ) from error


def _object(data: bytes) -> dict[str, str]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise ConfigurationError("it is not JSON") from None
    if not isinstance(fields, dict):
        raise ConfigurationError("it is not a JSON object")
    return fields


def _keychain(key: PrivateKey) -> bytes:
    keychain = key.public.keychain
    assert keychain is not None
    return keychain
