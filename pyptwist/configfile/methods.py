"""
What the methods say to a section, before anything listens.
"""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Any

from pyptwist.arguments import Arguments
from pyptwist.configfile.plan import Plan
from pyptwist.configfile.sections import Section
from pyptwist.configfile.tables import nearest
from pyptwist.errors import PTError
from pyptwist.interfaces import Context
from pyptwist.ipc.configuration import Mode
from pyptwist.ipc.launch import outside, requirePassage
from pyptwist.ipc.options import located
from pyptwist.metrics import Metrics
from pyptwist.misspelt import Warn, watching
from pyptwist.network import DirectNetwork
from pyptwist.registry import (
    Methods,
    UnknownMethod,
    clientTransports,
    serverTransports,
)
from pyptwist.safelog import oneLine
from pyptwist.state import StateDirectory
from pyptwist.strangers import decoy


def rehearse(reactor: Any, plan: Plan, warn: Warn | None = None) -> list[str]:
    """
    Have each method look at its options, in a state directory of the moment: keys
    that exist are neither needed nor touched.

    :param warn: called with what may be wrong, in one line.
    :returns: what is wrong, each in one line.
    """
    problems: list[str] = []
    warn = warn or (lambda text: None)
    with tempfile.TemporaryDirectory(prefix="pyptwist-") as directory:
        methods = Methods(plan.stacks)
        try:
            methods.check()
        except Exception as error:
            problems.append(f"[stacks]: {explain(error)}")
        for number, section in enumerate(plan.sections):
            state = StateDirectory(directory).subdirectory(str(number))
            context = contextOf(reactor, section, state, methods)
            try:
                method = find(plan, methods, section)
                one = rehearseServer if section.isServer else rehearseClient
                one(section, method, context, partial(_about, section, warn))
            except (Exception, SystemExit) as error:
                problems.append(f"{section.where}: {explain(error)}")
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


def _about(section: Section, warn: Warn, text: str) -> None:
    warn(f"{section.where}: {text}")


def rehearseServer(
    section: Section, method: Any, context: Context, warn: Warn | None = None
) -> None:
    """
    :param context: with a state directory in which it may make keys.
    :param warn: see ``pyptwist.misspelt.watching``.
    :raises Exception: any; its text is for the operator.
    """
    wanted = section.configuration
    bind = wanted.binds[section.method]
    options = wanted.options.get(section.method, Arguments())
    local = DirectNetwork(context.reactor)
    decoy.serverEndpoint(method, context, bind, options, local, warn)


def rehearseClient(
    section: Section, method: Any, context: Context, warn: Warn | None = None
) -> None:
    """
    The same for a client; where applications say which server they want, nothing
    is known of their arguments yet.
    """
    loadClient = getattr(method, "loadClient", None)
    if loadClient is not None:
        loadClient()
    wanted, name = section.configuration, section.method
    requirePassage(name, method, wanted)
    with watching(name, warn) as watch:
        options = watch.mixed(wanted.clientOptions.get(name, Arguments()), wanted.handed)
        target, arguments = located(options, wanted.target)
        if target is not None or wanted.mode is not Mode.SOCKS5:
            method.clientEndpoint(context, target, arguments)


def explain(error: BaseException) -> str:
    """
    :returns: the reason in one line that shows no address.
    """
    text = str(error)
    return oneLine(text if isinstance(error, PTError) else f"{type(error).__name__}: {text}")
