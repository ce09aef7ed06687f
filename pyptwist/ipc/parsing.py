"""
Read what the parent wants from the environment (pt-spec 3.2), from flags (PT 3.0,
section 1.1), or from both (PT 2.1 and 2.2, likewise).

A pure parse: nothing is looked up or created, and nothing opened but a file with
options.  A mistake that concerns everything is a ``StartError`` that carries the
line to write; one that concerns a single method is kept in
``Configuration.methodErrors``, so that the others still run.

Empty variables count as unset: parents set them so in order to hide what they
inherited themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.clientparsing import completeClient
from pyptwist.ipc.configuration import Configuration, Mode, Role
from pyptwist.ipc.dialects import LATEST, PT1, Agreement, Dialect, OptionsForm, negotiate
from pyptwist.ipc.flowbounds import FlowBounds
from pyptwist.ipc.lines import EnvironmentRefused, ProxyRefused, Severity, VersionRefused
from pyptwist.ipc.options import parseOptions
from pyptwist.ipc.quoting import isMethodName
from pyptwist.ipc.serverparsing import completeServer
from pyptwist.ipc.settings import Settings

if TYPE_CHECKING:
    from pyptwist.proxies.upstream import UpstreamProxy

_VERSIONS: Final = "TOR_PT_MANAGED_TRANSPORT_VER"
_STATE: Final = "TOR_PT_STATE_LOCATION"
_STDIN: Final = "TOR_PT_EXIT_ON_STDIN_CLOSE"
_OUTBOUND_V4: Final = "TOR_PT_OUTBOUND_BIND_ADDRESS_V4"
_OUTBOUND_V6: Final = "TOR_PT_OUTBOUND_BIND_ADDRESS_V6"
_OPTIONS: Final = "TOR_PT_SERVER_TRANSPORT_OPTIONS"
_PROXY: Final = "TOR_PT_PROXY"

#: PT 2.2 and 3.0, section 1.1.1.
_LEVELS: Final = {
    "NONE": None,
    "ERROR": Severity.ERROR,
    "WARN": Severity.WARNING,
    "INFO": Severity.INFO,
    "DEBUG": Severity.DEBUG,
}

#: Flags that would be ignored on the other side: whoever gives them expects
#: something that is not going to happen.
_FOREIGN: Final = {
    Role.CLIENT: ("bindaddr", "bindhost", "bindport", "orport", "extorport", "authcookie"),
    Role.SERVER: (
        "proxylistenaddr",
        "proxylistenhost",
        "proxylistenport",
        "proxy",
        "flowQueue",
        "flowMaximum",
    ),
}

#: What the flags of the modes of datagrams bound.
_FLOWS: Final = {"flowQueue": "queue", "flowIdle": "idle", "flowMaximum": "maximum"}

#: Where state is kept if nothing says where.
DEFAULT_STATE: Final = "state"

_NO_FLAGS: Final[Mapping[str, str]] = MappingProxyType({})

#: Reads a file with options.
FileReader = Callable[[str], str]


def isManaged(environ: Mapping[str, str]) -> bool:
    """
    Was this process launched by a parent that speaks the IPC?
    """
    return _VERSIONS in environ


def errorDialect(environ: Mapping[str, str], flags: Mapping[str, str]) -> Dialect:
    """
    :returns: how to say that there is no version in common: as the parent is
        likely to understand it, from where it puts its list.
    """
    return PT1 if "ptversion" not in flags and isManaged(environ) else LATEST.dialect


def chooseDialect(environ: Mapping[str, str], flags: Mapping[str, str] = _NO_FLAGS) -> Agreement:
    """
    Agree on a version of the IPC.  The parent wants to hear of it before anything
    else, errors in the other variables included (pt-spec 3, steps 2 and 3).

    :raises VersionRefused: if there is none in common.
    :raises EnvironmentRefused: if the parent offers none.
    """
    if flags and "ptversion" not in flags and _VERSIONS not in environ:
        return LATEST
    offered = flags.get("ptversion") or environ.get(_VERSIONS)
    if not offered:
        raise EnvironmentRefused(f"{_VERSIONS} is not set")
    if (agreement := negotiate(offered)) is None:
        raise VersionRefused
    return agreement


def parseEnvironment(
    environ: Mapping[str, str],
    flags: Mapping[str, str] = _NO_FLAGS,
    readFile: FileReader | None = None,
) -> Configuration:
    """
    Read all that the parent says.

    :param environ: such as ``os.environ``.
    :param flags: those on the command line, by name; with any text for those that
        take none.
    :param readFile: reads a file with options; may raise ``ConfigurationError``.
        Without it there are none.
    :raises StartError: carrying the line to write before ending; a
        ``VersionRefused``, ``EnvironmentRefused`` or ``ProxyRefused``.
    """
    agreement = chooseDialect(environ, flags)
    settings = Settings(environ, flags, agreement.dialect)
    role = _role(settings)
    common = Configuration(
        version=agreement.word,
        role=role,
        dialect=agreement.dialect,
        hasParent="ptversion" in flags or isManaged(environ),
        stateLocation=_state(settings),
        methods=_methods(settings, role),
        exitOnStdinClose=settings.given("exit-on-stdin-close") or environ.get(_STDIN) == "1",
        outboundV4=_outboundV4(environ.get(_OUTBOUND_V4)),
        outboundV6=_outboundV6(environ.get(_OUTBOUND_V6)),
        mode=(mode := _mode(settings)),
        flows=_flows(settings, mode),
        logLevel=_logLevel(settings),
    )
    options = _options(settings, common, readFile)
    if role is Role.SERVER:
        return completeServer(replace(common, options=options), settings)
    common = completeClient(replace(common, clientOptions=options), settings)
    return replace(common, upstreamProxy=_upstreamProxy(settings))


# --- Single settings --------------------------------------------------------


def _role(settings: Settings) -> Role:
    """
    An empty list still tells the role, unless the other side's list is there.
    """
    environ = settings.environ
    given = settings.exclusive("client", "server")
    named = [role for role in Role if environ.get(role.variable)]
    there = named or [role for role in Role if role.variable in environ]
    if given is not None:
        role = Role(given)
    elif len(there) == 1:
        role = there[0]
    elif not there and (settings.given("transport") or settings.given("transports")):
        # "If neither -client or -server is specified, the PT proxy MUST launch in
        # client mode" (PT 2.2 and 3.0, section 1.1.2).
        role = Role.CLIENT
    else:
        count = "both" if there else "neither"
        names = f"{Role.CLIENT.variable} and {Role.SERVER.variable}"
        raise EnvironmentRefused(f"{count} of {names} are set; one must be")
    _refuseForeign(settings, role)
    return role


def _refuseForeign(settings: Settings, role: Role) -> None:
    for flag in _FOREIGN[role]:
        if settings.given(flag):
            other = "server" if role is Role.CLIENT else "client"
            raise EnvironmentRefused(f"-{flag} is for a {other}, and this is a {role.value}")


def _state(settings: Settings) -> str:
    if (setting := settings.get(_STATE, "state")) is not None:
        return setting.text
    if settings.dialect.needsState:
        raise EnvironmentRefused(f"{_STATE} is not set")
    # "PT proxies MUST use the current working directory" (PT 2.1 to 3.0, 1.1.1).
    # It is not ours to close to others, as a directory with keys is: so it is one
    # inside, and shapeshifter-dispatcher's.
    return DEFAULT_STATE


def _methods(settings: Settings, role: Role) -> tuple[str, ...]:
    setting = settings.get(role.variable, "transport", "transports")
    if setting is None:
        if role.variable in settings.environ:
            return ()
        raise EnvironmentRefused("neither -transport nor -transports says what to run")
    if setting.name == "-transport" and not isMethodName(setting.text):
        setting.refuse(
            "this must be the name of one method; a stack gets one by --stack NAME=EXPRESSION"
        )
    # What cannot be a name cannot be one of ours: "ignore PT names that it does
    # not recognize", and let none of it into a line to the parent.
    return tuple(dict.fromkeys(name for name in setting.text.split(",") if isMethodName(name)))


def _mode(settings: Settings) -> Mode:
    given = settings.flag("mode")
    for flag in ("transparent", "udp"):
        if settings.given("mode") and settings.given(flag):
            settings.exclusive("mode", flag)
    if given is not None:
        try:
            return Mode(given.text)
        except ValueError:
            given.refuse(f"this must be one of {', '.join(mode.value for mode in Mode)}")
    if settings.given("transparent"):
        return Mode.TRANSPARENT_UDP if settings.given("udp") else Mode.TRANSPARENT_TCP
    return Mode.STUN if settings.given("udp") else Mode.SOCKS5


def _flows(settings: Settings, mode: Mode) -> FlowBounds:
    bounds = FlowBounds()
    for flag, name in _FLOWS.items():
        if (setting := settings.flag(flag)) is None:
            continue
        if not mode.isDatagrams:
            setting.refuse(f"there are no flows in the mode {mode.value}")
        if not (setting.text.isascii() and setting.text.isdigit() and len(setting.text) <= 9):
            setting.refuse("this must be a decimal number")
        try:
            bounds = replace(bounds, **{name: int(setting.text)})
        except ConfigurationError as error:
            setting.refuse(error)
    return bounds


def _logLevel(settings: Settings) -> Severity | None:
    given = settings.flag("ipcLogLevel")
    if given is None:
        return None if settings.dialect.hasLevels else Severity.NOTICE
    if given.text not in _LEVELS:
        given.refuse(f"this must be one of {', '.join(_LEVELS)}")
    return _LEVELS[given.text]


def _options(
    settings: Settings, common: Configuration, readFile: FileReader | None
) -> dict[str, Arguments]:
    # There is no variable for a client's.
    variable = _OPTIONS if common.role is Role.SERVER else ""
    setting = settings.get(variable, "options", "optionsFile")
    if setting is None:
        return {}
    isPairs = setting.name == _OPTIONS and common.dialect is PT1
    form = OptionsForm.PAIRS if isPairs else common.dialect.options
    try:
        text = setting.text
        if setting.name == "-optionsFile":
            text = readFile(text) if readFile is not None else ""
        # What a parent says in a variable may be meant for others as well.
        return parseOptions(text, form, common.methods, setting.name != _OPTIONS)
    except ConfigurationError as error:
        setting.refuse(error)


def _upstreamProxy(settings: Settings) -> UpstreamProxy | None:
    setting = settings.get(_PROXY, "proxy")
    if setting is None and settings.given("proxy"):
        # A script whose variable is not set wants a proxy all the same.
        raise ProxyRefused("-proxy is empty; leave it out for none")
    if setting is None:
        return None
    from pyptwist.proxies.upstream import UpstreamProxy

    try:
        return UpstreamProxy.parse(setting.text)
    except ConfigurationError as error:
        raise ProxyRefused(str(error)) from None


def _outboundV4(text: str | None) -> str | None:
    try:
        return str(IPv4Address(text)) if text else None
    except ValueError:
        raise EnvironmentRefused(f"{_OUTBOUND_V4} must be an IPv4 address") from None


def _outboundV6(text: str | None) -> str | None:
    if not text:
        return None
    try:
        if not (text.startswith("[") and text.endswith("]")):
            raise ValueError
        return str(IPv6Address(text[1:-1]))
    except ValueError:
        raise EnvironmentRefused(f"{_OUTBOUND_V6} must be an IPv6 address in brackets") from None
