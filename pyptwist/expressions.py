"""
How stacks are written down: their layers, and the arguments of those.

An expression names the layers, the one nearest the application first and the one
nearest the wire last::

    obfs4 | b64
    obfs4 over b64

The arguments of all layers are one flat set, each with the name of its layer in
front: ``obfs4-cert``, ``obfs4-iat-mode``.  The name of a method holds no hyphen, so
that the first one parts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from pyptwist import limits
from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.quoting import isMethodName

_SEPARATOR: Final = re.compile(r"\s*\|\s*|\s+over\s+")
_FORM: Final = "a stack is written as 'obfs4 | b64', the layer nearest the wire last"


def isExpression(text: str) -> bool:
    """
    Is this a stack's expression, rather than a method's name?
    """
    return _SEPARATOR.search(text) is not None


def parseExpression(text: str) -> tuple[str, ...]:
    """
    :returns: the names of the layers, the topmost first; at least two.
    :raises ConfigurationError: if it is no expression.
    """
    names = tuple(_SEPARATOR.split(text.strip()))
    for name in names:
        if not isMethodName(name):
            raise ConfigurationError(f"{_FORM}; {name!r} cannot be a method's name")
    if len(names) < 2:
        raise ConfigurationError(f"{_FORM}; there must be two layers or more")
    return names


def formatExpression(names: Iterable[str]) -> str:
    """
    :returns: what ``parseExpression`` reads, in one word.
    """
    return "|".join(names)


def parseDefinition(text: str) -> tuple[str, str]:
    """
    :param text: ``NAME=EXPRESSION``.
    :returns: both.
    :raises ConfigurationError: saying what is wrong, and how it should be.
    """
    name, mark, expression = (part.strip() for part in text.partition("="))
    if not mark:
        raise ConfigurationError(
            "a stack is defined as NAME=EXPRESSION, as in b64_obfs4=obfs4|b64"
        )
    if not isMethodName(name):
        raise ConfigurationError(
            f"{name!r} cannot be a stack's name: letters, digits and '_', no digit first"
        )
    if len(name) > limits.STACK_NAME:
        raise ConfigurationError(f"a stack's name has {limits.STACK_NAME} characters at the most")
    parseExpression(expression)
    return name, expression


def layerNames(methods: Iterable[str]) -> tuple[str, ...]:
    """
    :param methods: their names, the topmost first.
    :returns: what each layer is called in arguments: as its method, with a number
        behind it from the second layer of the same method on: ``obfs42``.
    """
    methods = tuple(methods)
    names: list[str] = []
    for method in methods:
        name, number = method, 1
        # There may be a method whose name ends in that number.
        while name in names or (number > 1 and name in methods):
            number += 1
            name = f"{method}{number}"
        names.append(name)
    return tuple(names)


def splitArguments(arguments: Arguments, layers: Iterable[str]) -> dict[str, Arguments]:
    """
    :param layers: their names, see ``layerNames``.
    :returns: each layer's own arguments, as its method knows them.
    :raises ConfigurationError: for an argument of no layer, showing how it should
        be spelt.
    """
    split: dict[str, list[tuple[str, JSON]]] = {layer: [] for layer in layers}
    for key, value in arguments.items():
        layer, _, own = key.partition("-")
        if layer not in split or not own:
            spelt = " or ".join(f"{name}-{key}" for name in split)
            raise ConfigurationError(
                f"the argument {key!r} must begin with the name of its layer: {spelt}"
            )
        split[layer].append((own, value))
    return {layer: arguments.layer(layer, pairs) for layer, pairs in split.items()}


def joinArguments(layers: Mapping[str, Arguments]) -> Arguments:
    """
    Undo ``splitArguments``.
    """
    return Arguments(
        [
            (f"{layer}-{key}", value)
            for layer, arguments in layers.items()
            for key, value in arguments.items()
        ]
    )
