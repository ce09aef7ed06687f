"""
Host names and addresses, on their way through proxies that resolve them.

A name is never resolved here.  What it may look like is checked, since it ends
up in somebody else's protocol: internationalised names only in their ASCII
form (RFC 5890's A-labels), nothing that could end a field early.
"""

from __future__ import annotations

from pyptwist.addresses import HostPort, isName
from pyptwist.errors import ConfigurationError


def requireTarget(target: HostPort) -> HostPort:
    """
    Make sure that a proxy can be asked for a target.

    :param target: a name or an address, and a port.
    :returns: the same.
    :raises ConfigurationError: for port 0, for a name that is not in ASCII form,
        and for an IPv6 address with a zone, which means nothing elsewhere.
    """
    if not target.port:
        raise ConfigurationError("port 0 cannot be connected to")
    if "%" in target.host:
        raise ConfigurationError("an IPv6 zone cannot be sent to a proxy")
    if target.ip is None and not isName(target.host):
        raise ConfigurationError("a host name must be in its ASCII form")
    return target
