"""
Options for transport methods, as JSON or as PT 1 writes them.

::

    {"obfs4": {"iat-mode": 1}, "shadow": {"password": "..."}}
    {"password": "..."}                 for a single method
    obfs4:iat-mode=1;shadow:password=...

Sources: PT 2.1, section 1.1.3 (the last); PT 2.2 and 3.0, likewise (the first);
shapeshifter-dispatcher's files (the second).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.dialects import OptionsForm
from pyptwist.ipc.quoting import parseServerOptions
from pyptwist.misspelt import closest

#: Where a client's options name the server (PT 3.0, section 1.1.3).
SERVER_ADDRESS = "serverAddress"


def parseOptions(
    text: str, form: OptionsForm, methods: Sequence[str], isByHand: bool = False
) -> dict[str, Arguments]:
    """
    Read the options of all methods.

    :param text: at most ``limits.OPTIONS`` characters.
    :param methods: those asked for; other methods' options are left out.
    :param isByHand: whether somebody wrote them for this process, so that what is left
        out may be what he misspelt.
    :returns: options by method.
    :raises ConfigurationError: if the text is not of this form.
    """
    if len(text) > limits.OPTIONS:
        raise ConfigurationError(f"there are more than {limits.OPTIONS} characters")
    isJSON = form is OptionsForm.JSON or (
        form is OptionsForm.EITHER and text.lstrip().startswith("{")
    )
    options: Mapping[str, Arguments]
    if isJSON:
        found = parseObject(text)
        options = _byMethod(found, methods)
        if isByHand:
            _requireNames(found, methods)
    else:
        options = parseServerOptions(text)
    return {name: arguments for name, arguments in options.items() if name in methods}


def readOptionsFile(path: str) -> str:
    """
    Read what ``-optionsFile`` names.

    :param path: relative to the working directory (PT 2.2 and 3.0, section 1.1.1).
    :returns: at most a few more characters than ``limits.OPTIONS``.
    :raises ConfigurationError: if it cannot be read; the text names the reason.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read(limits.OPTIONS + 1)
    except OSError as error:
        raise ConfigurationError(f"it cannot be read: {error.strerror}") from None
    except ValueError:
        # No UTF-8, or a NUL in the path.
        raise ConfigurationError("it is not a file of UTF-8 text") from None


def parseObject(data: str | bytes) -> dict[str, Any]:
    """
    Read an object in JSON, from somebody whom we do not trust.

    :param data: of bounded length; bytes must be UTF-8.
    :raises ConfigurationError: if it is something else, says a thing twice, or
        holds a number that JSON does not have.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_noNumber)
        # 1e999 and half a surrogate are read, and nobody can do anything with them.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except ConfigurationError:
        raise
    except (ValueError, RecursionError):
        # The parser's own text shows what it read.
        raise ConfigurationError("this is not JSON") from None
    if not isinstance(found, dict):
        raise ConfigurationError("this is not a JSON object")
    return found


def located(arguments: Arguments, target: HostPort | None) -> tuple[HostPort | None, Arguments]:
    """
    Take the server out of a client's options: that is the same for all methods, and
    stacks take no option that none of their layers has.

    :param target: what else names the server.
    :returns: where the server is, or None if neither says it; and the rest.
    :raises ConfigurationError: if the option is no address.
    """
    if SERVER_ADDRESS not in arguments:
        return target, arguments
    try:
        address = HostPort.parse(arguments.require(SERVER_ADDRESS))
        if address.port == 0:
            raise ConfigurationError("a port must be between 1 and 65535")
    except ConfigurationError as error:
        raise ConfigurationError(f"the option {SERVER_ADDRESS!r}: {error}") from None
    return address, arguments.without(SERVER_ADDRESS)


def _byMethod(found: Mapping[str, Any], methods: Sequence[str]) -> dict[str, Arguments]:
    if len(methods) == 1 and not _isNested(found, methods[0]):
        return {methods[0]: Arguments(found)}
    if not all(isinstance(options, dict) for options in found.values()):
        raise ConfigurationError("each method's options must be an object of their own")
    return {name: Arguments(options) for name, options in found.items()}


def _requireNames(found: Mapping[str, Any], methods: Sequence[str]) -> None:
    """
    :raises ConfigurationError: if a name seems to be that of a method that has no options,
        which would run without those that it was to have.
    """
    for name, options in found.items():
        # Methods that differ in a digit are different methods.
        similar = [m for m in methods if m not in found and _digits(m) == _digits(name)]
        meant = closest(name, similar) if isinstance(options, dict) else None
        if meant is not None and name not in methods:
            raise ConfigurationError(f"there is no method {name!r} here: is {meant!r} meant?")


def _digits(name: str) -> list[str]:
    return sorted(filter(str.isdigit, name))


def _isNested(found: Mapping[str, Any], method: str) -> bool:
    """
    A method may have an option of its own name, but hardly one that is an object
    beside other methods' objects.
    """
    return method in found and all(isinstance(options, dict) for options in found.values())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ConfigurationError("a key is there twice")
    return found


def _noNumber(text: str) -> NoReturn:
    raise ConfigurationError("NaN and Infinity are not JSON")
