"""
Stacks: methods that are made of methods, one over the other.

Each layer is any method, unchanged: what it takes for the network is the layer
below.  So it works for whatever asks nothing of the network but streams.

``pyptwist.expressions`` has how they are written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from pyptwist import limits
from pyptwist.addresses import NOWHERE, HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError, DatagramsForbidden
from pyptwist.expressions import joinArguments, layerNames, parseExpression, splitArguments
from pyptwist.interfaces import (
    Context,
    IClientTransport,
    INetwork,
    IServerTransport,
    IServerTransportEndpoint,
)
from pyptwist.metrics import LayerMetrics

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Finder(Protocol):
    """
    Finds methods by name: ``pyptwist.registry.Methods``.
    """

    def client(self, name: str) -> Any:
        """
        :returns: the ``IClientTransport``.
        """

    def server(self, name: str) -> Any:
        """
        :returns: the ``IServerTransport``.
        """


@implementer(IClientTransport, IServerTransport)
class Stack:
    """
    A method made of methods::

        Stack("obfs4 | b64").clientEndpoint(context, target, arguments)

    It plays the roles that all of its layers play.  A layer may be a stack
    itself, whose layers then are layers of this one.

    :ivar name: what its connections call their method.
    """

    def __init__(
        self, expression: str, name: str | None = None, methods: Finder | None = None
    ) -> None:
        """
        :param expression: such as ``obfs4 | b64``.
        :param name: a PT name; the layers' names, joined with ``_``, unless given.
        :param methods: finds the layers, when they are first needed; those
            installed, unless given.
        :raises ConfigurationError: if the expression is none.
        """
        self._names = parseExpression(expression)
        self.name = name or "_".join(self._names)
        self._methods = methods
        self._found: dict[bool, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"<Stack {self.name}: {self.expression}>"

    @property
    def expression(self) -> str:
        """
        The layers' names, the topmost first.
        """
        return " | ".join(self._names)

    @property
    def serverSpeaksFirst(self) -> bool:
        """
        Does any layer's server?  One that does not say is taken to.
        """
        layers = self._layers(isClient=False).values()
        return any(getattr(method, "serverSpeaksFirst", None) is not False for method in layers)

    @property
    def admitsAnybody(self) -> bool:
        """
        Is there no layer that turns anybody away?
        """
        layers = self._layers(isClient=False).values()
        return all(getattr(method, "admitsAnybody", False) for method in layers)

    @property
    def needsDatagrams(self) -> bool:
        """
        Does the lowest layer?
        """
        try:
            layers = self._layers(isClient=True)
        except ConfigurationError:
            layers = self._layers(isClient=False)  # of servers alone
        *_, bottom = layers.values()
        return bool(getattr(bottom, "needsDatagrams", False))

    def loadClient(self) -> None:
        """
        Find the layers, and import their code, for who must know whether that
        can be done.
        """
        for method in self._layers(isClient=True).values():
            if hasattr(method, "loadClient"):
                method.loadClient()

    def loadServer(self) -> None:
        """
        The same for the server's side.
        """
        for method in self._layers(isClient=False).values():
            if hasattr(method, "loadServer"):
                method.loadServer()

    def clientEndpoint(
        self, context: Context, target: HostPort | None, arguments: Arguments
    ) -> IStreamClientEndpoint:
        """
        See ``IClientTransport.clientEndpoint``.

        :param target: what every layer is told; only the lowest one reaches it.  None
            if a layer's arguments name the server: what is below that one is told
            what it says, and what is above it ``NOWHERE``.
        """
        layers = self._surround(True, context, arguments)
        if target is None:
            return _withoutTarget(layers)
        # The lowest first: all of them look at their arguments now.
        for layer in reversed(layers):
            layer.at(target)
        endpoint: IStreamClientEndpoint = layers[0].at(target)
        return endpoint

    def serverEndpoint(
        self, context: Context, bind: HostPort, arguments: Arguments
    ) -> IServerTransportEndpoint:
        """
        See ``IServerTransport.serverEndpoint``.
        """
        layers = self._surround(False, context, arguments)
        endpoints = {layer.name: layer.at(bind) for layer in reversed(layers)}
        needed = {layer.name: endpoints[layer.name].clientArguments for layer in layers}
        return _StackServerEndpoint(endpoints[layers[0].name], joinArguments(needed))

    # --- inside -------------------------------------------------------------

    def _layers(self, isClient: bool) -> dict[str, Any]:
        """
        :returns: the methods, the topmost first, by what they are called in
            arguments.
        """
        if isClient not in self._found:
            found = self._find(isClient, ())
            names = layerNames(name for name, _ in found)
            self._found[isClient] = dict(zip(names, (each for _, each in found), strict=True))
        return self._found[isClient]

    def _find(self, isClient: bool, above: tuple[Stack, ...]) -> list[tuple[str, Any]]:
        """
        :param above: the stacks in which this one is.
        :returns: methods that are no stacks, by name.
        """
        if self in above:
            raise ConfigurationError(f"the stack {self.name} would be a layer of itself")
        methods = self._methods or _installed()
        found: list[tuple[str, Any]] = []
        for name in self._names:
            try:
                method = methods.client(name) if isClient else methods.server(name)
            except ConfigurationError as error:
                raise ConfigurationError(f"in the stack {self.name}: {error}") from error
            if isinstance(method, Stack):
                found += method._find(isClient, (*above, self))
            else:
                found.append((name, method))
            if len(found) > limits.STACK_LAYERS:
                raise ConfigurationError(
                    f"the stack {self.name} has more than {limits.STACK_LAYERS} layers"
                )
        return found

    def _surround(self, isClient: bool, context: Context, arguments: Arguments) -> list[_Layer]:
        """
        :returns: the layers, the topmost first, each with the one below for a network.
        """
        methods = self._layers(isClient)
        split = splitArguments(arguments, methods)
        top, *_, bottom = methods
        for name in methods:
            if name != bottom and getattr(methods[name], "needsDatagrams", False):
                raise ConfigurationError(
                    f"{name} needs UDP, which no layer carries: it must be the last one of a stack"
                )
        state = context.stateDirectory
        layers: list[_Layer] = []
        made: tuple[Any, ...] = (self.name,)
        for name in reversed(list(methods)):
            surroundings = replace(
                context,
                network=layers[-1] if layers else context.network,
                stateDirectory=state and state.subdirectory(self.name).subdirectory(name),
                metrics=LayerMetrics(context.metrics, name == top, name == bottom),
                alias=(context.alias or self.name) if name == top else None,
            )
            method, own = methods[name], split[name]
            made = (*made, name, method, own.identity())
            layers.append(
                _ClientLayer(name, method.clientEndpoint, surroundings, own, context, made)
                if isClient
                else _ServerLayer(name, method.serverEndpoint, surroundings, own, context, made)
            )
        return layers[::-1]


def _installed() -> Finder:
    # Imported here, since the registry knows stacks, too.
    from pyptwist.registry import Methods

    return Methods()


class _LayerError(ConfigurationError):
    """
    One that says already which layer it is about.
    """


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    try:
        yield
    except _LayerError:
        raise
    except ConfigurationError as error:
        raise _LayerError(
            f"in the layer {name}, whose arguments begin with {name}-: {error}"
        ) from error


@implementer(INetwork)
class _Layer:
    """
    One layer and its surroundings; to the layer above it, the network.

    Two are equal if they lead to the same place in the same way: made of the same
    methods with the same arguments, over the same network, for the same program.  So
    a method that keeps connections for later ones knows which may share them.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[Context, Any, Arguments], Any],
        context: Context,
        arguments: Arguments,
        whole: Context,
        made: tuple[Any, ...],
    ) -> None:
        """
        :param name: in arguments.
        :param make: the method's ``clientEndpoint`` or ``serverEndpoint``.
        :param whole: what the stack was given.
        :param made: what this layer and those below are made of.
        """
        self.name = name
        self._whole = whole
        self._madeOf = made
        self._make = make
        self._context = context
        self._arguments = arguments
        self._made: tuple[HostPort | None, Any] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Layer):
            return NotImplemented
        return self._whole is other._whole and self._madeOf == other._madeOf

    def __hash__(self) -> int:
        return hash((id(self._whole), self._madeOf))

    def at(self, place: HostPort | None) -> Any:
        """
        :param place: the target, or where to listen.
        :returns: the endpoint; the same one for the same place.
        """
        if self._made is None or self._made[0] != place:
            with _blaming(self.name):
                self._made = place, self._make(self._context, place, self._arguments)
        return self._made[1]

    def clientEndpoint(self, host: str, port: int) -> Any:
        raise ConfigurationError("within a stack a server reaches nobody")

    def serverEndpoint(self, host: str, port: int) -> Any:
        raise ConfigurationError("within a stack a client listens nowhere")

    def bindDatagrams(self, protocol: Any, host: str, port: int) -> IListeningPort:
        raise DatagramsForbidden("the layer below carries streams only")


class _ClientLayer(_Layer):
    def clientEndpoint(self, host: str, port: int) -> Any:
        place = HostPort(host, port)
        if place == NOWHERE and self._made is not None:
            return self._made[1]  # the way to the server is known from here on
        return self.at(place)


def _withoutTarget(layers: Sequence[_Layer]) -> IStreamClientEndpoint:
    """
    :param layers: the topmost first.
    :returns: the topmost's endpoint.
    :raises ConfigurationError: if no layer's arguments name the server.
    """
    errors: list[ConfigurationError] = []
    for number, layer in reversed(list(enumerate(layers))):
        try:
            endpoint: IStreamClientEndpoint = layer.at(None)
        except ConfigurationError as error:
            errors.append(error)
            continue
        for above in reversed(layers[:number]):
            endpoint = above.at(NOWHERE)
        return endpoint
    raise ConfigurationError("; ".join(str(error) for error in reversed(errors)))


class _ServerLayer(_Layer):
    def serverEndpoint(self, host: str, port: int) -> Any:
        return self.at(HostPort(host, port))


@implementer(IServerTransportEndpoint)
class _StackServerEndpoint:
    """
    The topmost layer's, with what clients need for all layers.
    """

    def __init__(self, endpoint: IServerTransportEndpoint, clientArguments: Arguments) -> None:
        self._endpoint = endpoint
        self.clientArguments = clientArguments

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        return self._endpoint.listen(protocolFactory)
