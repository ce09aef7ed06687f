"""
Host names of this machine's own peers, for what Twisted's endpoints do not
resolve by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IResolutionReceiver
from zope.interface import implementer

from pyptwist.addresses import HostPort

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IHostResolution


def lookUp(reactor: Any, host: str) -> Deferred[str]:
    """
    :param host: a name, or an IP address, which is its own answer.
    :returns: the first of its addresses, in the system's order of preference.
        Fails with ``twisted.internet.error.DNSLookupError``.
    """
    if HostPort(host, 0).ip is not None:
        return succeed(host)
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        # Twisted's resolver would never answer.
        return fail(DNSLookupError("this cannot be a host name"))
    found: Deferred[str] = Deferred()
    reactor.nameResolver.resolveHostName(_First(found), host, 0, [IPv4Address, IPv6Address], "UDP")
    return found


@implementer(IResolutionReceiver)
class _First:
    """
    Waits for the first address.
    """

    def __init__(self, found: Deferred[str]) -> None:
        self._found: Deferred[str] | None = found

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        pass

    def addressResolved(self, address: IAddress) -> None:
        found, self._found = self._found, None
        if found is not None:
            found.callback(address.host)  # type: ignore[attr-defined]

    def resolutionComplete(self) -> None:
        found, self._found = self._found, None
        if found is not None:
            found.errback(DNSLookupError("the host has no address"))
