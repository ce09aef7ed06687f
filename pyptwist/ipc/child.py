"""
The child's side of the IPC: what tor starts, talks to and ends.

The conversation, as pt-spec 3.3 and tor's own reading of it have it, or PT 2.1 to
3.0, section 1.2::

    VERSION 1                            said before there is a Child
    STATUS TYPE=version ...              PT 1: at once, so that a bridge publishes it
    PROXY DONE                           if an upstream proxy was asked for
    CMETHOD ... / CMETHOD-ERROR ...      one for each method asked for; in PT 1
    SMETHOD ... / SMETHOD-ERROR ...      known or not, since tor counts them
    CMETHODS DONE / SMETHODS DONE        always, and nothing but LOG and STATUS then
"""

from __future__ import annotations

from typing import Any, NoReturn

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger, LogLevel

from pyptwist import __version__, limits
from pyptwist.errors import ConfigurationError, PTError
from pyptwist.ipc import lines
from pyptwist.ipc.configuration import Configuration
from pyptwist.ipc.launch import Launched, Side, closeAll
from pyptwist.ipc.lifeline import Lifeline
from pyptwist.ipc.reporter import Reporter
from pyptwist.registry import UnknownMethod
from pyptwist.safelog import scrub

_IMPLEMENTATION = "pyptwist"


class Child(Service):
    """
    Launches what the parent wants, tells it, and serves until the end.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        configuration: Configuration,
        reporter: Reporter,
        side: Side,
        lifeline: Lifeline,
    ) -> None:
        """
        :param reactor: its clock bounds what may take time.
        :param configuration: what the parent wants.
        :param reporter: to whom VERSION has been said already.
        :param side: of the configuration's role.
        :param lifeline: stops the reactor when the end has come.
        """
        self._reactor = reactor
        self._lifeline = lifeline
        self._configuration = configuration
        self._reporter = reporter
        self._side = side
        self._launched: list[Launched] = []
        self._launching: Deferred[None] | None = None

    def startService(self) -> None:
        """
        Begin the conversation, once the reactor runs.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening and close every connection.

        :returns: fires when all are closed, or ``limits.SHUTDOWN`` is over.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._lifeline.stop()
        if self._launching is not None:
            self._launching.cancel()
        return Deferred.fromCoroutine(self._close())

    # --- the conversation ---------------------------------------------------

    def _begin(self) -> None:
        if self.running:
            self._lifeline.start()
            self._launching = Deferred.fromCoroutine(self._converse())
            self._launching.addErrback(
                lambda reason: self._log.failure("the conversation broke off", reason)
            )

    async def _converse(self) -> None:
        if self._configuration.dialect.hasStatus:
            self._reporter.write(lines.versionStatusLine(_IMPLEMENTATION, __version__))
        if self._configuration.upstreamProxy is not None:
            self._reporter.write(lines.PROXY_DONE)
        # Side by side: one that takes its time delays none but itself.
        await gatherResults(
            [Deferred.fromCoroutine(self._answer(name)) for name in self._configuration.methods]
        )
        if self.running:
            self._reporter.write(self._side.doneLine)
            self._settle()

    async def _answer(self, name: str) -> None:
        """
        Launch one method, and tell the parent what came of it.
        """
        try:
            line = await self._launch(name)
        except (Exception, SystemExit) as error:
            if not self.running or self._ignores(name, error):
                return
            line = self._side.errorLine(name, self._explain(name, error))
        self._reporter.write(line)

    def _ignores(self, name: str, error: BaseException) -> bool:
        """
        "Unknown transports ... are ignored entirely, and MUST NOT result in a
        CMETHOD-ERROR message" (PT 2.1 to 3.0, section 1.2.2.1): but who reads the
        log may have mistyped a name.
        """
        ignores = isinstance(error, UnknownMethod) and not (
            self._configuration.dialect.answersUnknown
        )
        if ignores:
            self._log.warn("{name} is ignored: {why}", name=name, why=error)
        return ignores

    async def _launch(self, name: str) -> str:
        if (message := self._configuration.methodErrors.get(name)) is not None:
            self._side.find(name)  # of one that is not known, nobody cares
            raise ConfigurationError(message)
        launching = Deferred.fromCoroutine(self._side.launch(name))
        launched = await launching.addTimeout(limits.LISTEN, self._reactor, _tooSlow)
        try:
            line = self._side.line(launched)
        except Exception:
            # What cannot be announced cannot be used.
            await maybeDeferred(launched.port.stopListening)
            raise
        self._launched.append(launched)
        return line

    def _explain(self, name: str, error: BaseException) -> str:
        """
        :returns: the reason in one line that shows no address; what nobody
            foresaw goes to the log in full, too.
        """
        if isinstance(error, PTError):
            return scrub(str(error))
        # The parent hears of it by the line, not by a LOG as well; and a port that
        # somebody else has is told by that.
        if not isinstance(error, CannotListenError):
            self._log.failure("{name} could not be launched", level=LogLevel.info, name=name)
        return scrub(f"{type(error).__name__}: {error}")

    def _settle(self) -> None:
        try:
            message = self._side.settle(self._launched)
        except (PTError, OSError) as error:
            self._log.warn("{why}", why=error)
        else:
            if message:
                self._log.info("{message}", message=message)
                self._reporter.log(lines.Severity.NOTICE, message)

    # --- the end ------------------------------------------------------------

    async def _close(self) -> None:
        launched, self._launched = self._launched, []
        await closeAll(self._reactor, launched)


def _tooSlow(result: object, seconds: float) -> NoReturn:
    raise ConfigurationError(f"it did not listen within {seconds:.0f} seconds")
