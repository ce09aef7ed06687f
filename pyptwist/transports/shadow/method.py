"""
shadow as a transport method: from arguments to codecs of either kind.

shadow_password.json, of a server with a password that nobody chose::

    {"password": "32 characters"}
"""

from __future__ import annotations

import base64
import json
from typing import Final

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.crypto.dice import Entropy
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.ledger import Ledger
from pyptwist.state import StateDirectory
from pyptwist.transports.shadow.addressed import AddressedTransport, checkTransport
from pyptwist.transports.shadow.classic import (
    CIPHERS,
    Cipher,
    ClassicClientCodec,
    ClassicServerCodec,
    Secret,
    cipherNamed,
)
from pyptwist.transports.shadow.darkstar import drainOf
from pyptwist.transports.shadow.options import darkStarClient, darkStarServer

PASSWORD_FILE: Final = "shadow_password.json"  # noqa: S105

DARKSTAR: Final = "darkstar"
#: The cipher of who has a password and names none.
DEFAULT_CIPHER: Final = "chacha20-ietf-poly1305"

_PASSWORD_LENGTH: Final = 24


class Shadow(AddressedTransport):
    """
    The method ``shadow``, both sides, of both kinds.
    """

    name = "shadow"

    def __init__(self) -> None:
        # Of all clients: there is no telling whose salts come back to us.
        self._salts = Ledger(None, "", limits.CLIENT_LEDGER_PAGES)

    def clientCodecAt(
        self, context: Context, address: HostPort | None, arguments: Arguments
    ) -> CodecFactory:
        """
        :param arguments: ``cipherName``, and what that needs: ``password``, or
            ``serverPublicKey`` and, if need be, ``confirmation``.
        """
        checkTransport(arguments, self.name)
        cipher = readCipher(arguments)
        if cipher is None:
            return darkStarClient(context, address, arguments)
        secret = Secret.ofPassword(cipher, arguments.require("password"))
        return lambda: ClassicClientCodec(secret, self._salts, context.entropy)

    def needsAddress(self, arguments: Arguments) -> bool:
        return readCipher(arguments) is None

    def serverCodecAt(
        self, context: Context, address: HostPort, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        """
        :param arguments: ``cipherName``; and ``password`` or ``serverPrivateKey``,
            without which the state directory has one.
        """
        checkTransport(arguments, self.name)
        cipher = readCipher(arguments)
        if cipher is None:
            codecFactory, needed = darkStarServer(context, address, arguments, self.name)
            return codecFactory, Arguments({"cipherName": DARKSTAR}).updated(needed)
        password = loadPassword(arguments, context.stateDirectory, context.entropy)
        secret = Secret.ofPassword(cipher, password)
        # One object for all connections of this listener.
        salts = Ledger(context.stateDirectory, "shadow_salts")
        drain = drainOf(secret.key)
        published = Arguments({"cipherName": cipher.name, "password": password})
        return lambda: ClassicServerCodec(secret, salts, context.entropy, drain), published


def readCipher(arguments: Arguments) -> Cipher | None:
    """
    :returns: what the argument ``cipherName`` says, in any case: a cipher with a
        password, or None for DarkStar.  Without it, a password speaks for one.
    :raises ConfigurationError: if there is no such cipher.
    """
    name = arguments.get("cipherName", DEFAULT_CIPHER if "password" in arguments else DARKSTAR)
    assert name is not None
    if name.lower() == DARKSTAR:
        return None
    cipher = cipherNamed(name)
    if cipher is None:
        known = ", ".join(cipher.name for cipher in CIPHERS)
        raise ConfigurationError(f"the argument 'cipherName' must be one of {DARKSTAR}, {known}")
    return cipher


def loadPassword(options: Arguments, state: StateDirectory | None, entropy: Entropy) -> str:
    """
    The password of a server that is about to start: from its options, else from its
    state, else a new one, which is kept.

    :raises ConfigurationError: if there is nowhere to keep it, or what was kept cannot
        be read: that is never replaced.
    """
    if "password" in options:
        return options.require("password")
    if state is None:
        raise ConfigurationError(
            "shadow needs a state directory to keep its password in (TOR_PT_STATE_LOCATION, or "
            "state=DIRECTORY in an endpoint string), or the option password"
        )
    kept = state.read(PASSWORD_FILE)
    if kept is not None:
        return _stored(kept, state.path(PASSWORD_FILE))
    password = freshPassword(entropy)
    state.write(PASSWORD_FILE, json.dumps({"password": password}).encode("ascii"))
    return password


def freshPassword(entropy: Entropy) -> str:
    """
    :returns: 32 characters that fit everywhere.
    """
    return base64.urlsafe_b64encode(entropy(_PASSWORD_LENGTH)).decode("ascii")


def _stored(data: bytes, path: str) -> str:
    try:
        match json.loads(data):
            case {"password": str(password)} if password:
                return password
    except (ValueError, RecursionError):
        pass
    raise ConfigurationError(
        f"{path} is damaged; bring back a copy of it, or remove it to get a new password, which "
        "needs a new bridge line"
    )
