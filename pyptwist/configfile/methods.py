"""
What the methods say to a section, before anything listens.
"""

from __future__ import annotations

import tempfile
from typing import Any

from pyptwist import decoy
from pyptwist.arguments import Arguments
from pyptwist.configfile.misspelt import watched
from pyptwist.configfile.plan import Plan
from pyptwist.configfile.sections import Section
from pyptwist.configfile.tables import nearest
from pyptwist.errors import PTError
from pyptwist.interfaces import Context
from pyptwist.ipc.configuration import Mode
from pyptwist.ipc.launch import outside, requirePassage
from pyptwist.metrics import Metrics
from pyptwist.network import DirectNetwork
from pyptwist.registry import (
    Methods,
    UnknownMethod,
    clientTransports,
    serverTransports,
)
from pyptwist.safelog import oneLine
from pyptwist.state import StateDirectory


def rehearse(reactor: Any, plan: Plan) -> list[str]:
    """
    Have each method look at its options, in a state directory of the moment: keys
    that exist are neither needed nor touched.

    :returns: what is wrong, each in one line.
    """
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pyptwist-") as directory:
        methods = Methods(plan.stacks)
        try:
            methods.check()
        except Exception as error:
            problems.append(f"[stacks]: {explain(error)}")
        for number, (section, options) in enumerate(map(watched, plan.sections)):
            state = StateDirectory(directory).subdirectory(str(number))
            context = contextOf(reactor, section, state, methods)
            try:
                method = find(plan, methods, section)
                if section.isServer:
                    rehearseServer(section, method, context)
                else:
                    rehearseClient(section, method, context)
            except (Exception, SystemExit) as error:
                problems.append(f"{section.where}: {explain(error)}")
            problems += [f"{section.where}, {text}" for text in options.misspelt()]
    return problems


def contextOf(reactor: Any, section: Section, state: StateDirectory, methods: Methods) -> Context:
    """
    :param methods: those installed, and the plan's stacks.
    :returns: what a section's method gets from its surroundings.
    """
    network = outside(reactor, section.configuration)
    return Context(reactor, network, state, Metrics(), methods=methods)


def find(plan: Plan, methods: Methods, section: Section) -> Any:
    """
    :param methods: those installed, and the plan's stacks.
    :returns: the section's method.
    :raises UnknownMethod: if it is not installed; the text has the one that may be
        meant.
    """
    try:
        name = section.method
        return methods.server(name) if section.isServer else methods.client(name)
    except UnknownMethod as error:
        installed = serverTransports() if section.isServer else clientTransports()
        hint = nearest(section.method, [*installed, *plan.stacks])
        raise UnknownMethod(f"{error}{hint}") from None


def rehearseServer(section: Section, method: Any, context: Context) -> None:
    """
    :param context: with a state directory in which it may make keys.
    :raises Exception: any; its text is for the operator.
    """
    wanted = section.configuration
    bind = wanted.binds[section.method]
    options = wanted.options.get(section.method, Arguments())
    decoy.serverEndpoint(method, context, bind, options, DirectNetwork(context.reactor))


def rehearseClient(section: Section, method: Any, context: Context) -> None:
    """
    The same for a client; where applications say which server they want, nothing
    is known of their arguments yet.
    """
    loadClient = getattr(method, "loadClient", None)
    if loadClient is not None:
        loadClient()
    requirePassage(section.method, method, section.configuration)
    target, arguments = section.server
    if target is not None or section.configuration.mode is not Mode.SOCKS5:
        method.clientEndpoint(context, target, arguments)


def explain(error: BaseException) -> str:
    """
    :returns: the reason in one line that shows no address.
    """
    text = str(error)
    return oneLine(text if isinstance(error, PTError) else f"{type(error).__name__}: {text}")
