"""
Tests for ``pyptwist.tap``.
"""

from __future__ import annotations

import os
import stat
from typing import Any

from twisted.application.service import Application, IServiceCollection, MultiService
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.plugin import getPlugins
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import tap
from pyptwist.ebb import Ebb
from pyptwist.ipc.child import Child
from pyptwist.ipc.configuration import Configuration
from tests.ipc.parents import Parent
from tests.launched import LaunchedCase

_DEFAULTS = {
    "config": None,
    "log-file": None,
    "log-level": LogLevel.info,
    "unsafe-logging": 0,
    "stacks": {},
    "flags": {},
}


class OptionsTests(LaunchedCase):
    """
    Tests for ``tap.Options``.
    """

    def parse(self, *arguments: str, parent: Any = None) -> tap.Options:
        """
        :param parent: twistd's own options.
        """
        options = tap.Options()
        options.parent = parent
        options.parseOptions(list(arguments))
        return options

    def test_launched(self) -> None:
        """
        Under a parent, twistd neither forks nor writes a pid file nor logs as it
        likes, whatever it was told.
        """
        self.launch()
        parent = {"nodaemon": False, "pidfile": "twistd.pid", "logger": "x.y", "umask": 7}
        self.parse(parent=parent)
        self.assertEqual(parent, {"nodaemon": True, "pidfile": "", "logger": None, "umask": 7})

    def test_claims(self) -> None:
        """
        Standard output is claimed before anything is parsed, under a parent only.
        """
        tap.Options()
        self.assertEqual(self.claims, 0)
        self.launch()
        tap.Options()
        self.assertEqual(self.claims, 1)

    def test_logging(self) -> None:
        """
        Logging can be chosen.
        """
        self.launch()
        options = self.parse("--log-file=x.log", "--log-level=DEBUG", "--unsafe-logging")
        self.assertEqual(
            dict(options),
            {
                "config": None,
                "log-file": "x.log",
                "log-level": LogLevel.debug,
                "unsafe-logging": 1,
                "stacks": {},
                "flags": {},
            },
        )
        self.assertEqual(dict(self.parse()), _DEFAULTS)

    def test_stacks(self) -> None:
        """
        Methods can be defined, one or more; blanks do not matter.
        """
        self.launch()
        options = self.parse("--stack", "b64_obfs4=obfs4|b64", "--stack=x = b64_obfs4 over dummy")
        expected = {"b64_obfs4": "obfs4|b64", "x": "b64_obfs4 over dummy"}
        self.assertEqual(options["stacks"], expected)
        self.assertEqual(self.parse()["stacks"], {})

    def test_stacksByHand(self) -> None:
        """
        Without a parent they are looked at as a whole, and shown how to be used.
        """
        for definition, why in (
            ("lame=obfs4|absent", "no transport method 'absent'"),
            ("obfs4=dummy|b64", "give the stack another name"),
            ("loop=dummy|loop", "a layer of itself"),
        ):
            error = self.assertRaises(usage.UsageError, self.parse, "--stack", definition)
            self.assertIn("--stack: ", str(error))
            self.assertIn(why, str(error))
        self.assertRaises(SystemExit, self.parse, "--stack", "right=obfs4 | b64")
        self.assertIn(" --stack right=obfs4|b64\n", self.errors.getvalue())

    def test_flags(self) -> None:
        """
        The flags of the specs are set apart, with one dash or two, in any order.
        """
        expected = {"client": "1", "transports": "x,y", "state": "s=1"}
        for arguments in (
            ("-client", "-transports", "x,y", "-state=s=1"),
            ("--state", "s=1", "--log-level", "warn", "--transports=x,y", "--client"),
        ):
            parent = {"nodaemon": False, "pidfile": "twistd.pid", "logger": "x.y"}
            options = self.parse(*arguments, parent=parent)
            self.assertEqual(options["flags"], expected)
            self.assertEqual(set(options), set(_DEFAULTS))
            self.assertIs(parent["nodaemon"], True)
        self.assertEqual(self.claims, 2)

    def test_dispatchersFlags(self) -> None:
        """
        shapeshifter-dispatcher's own are options of ours.
        """
        options = self.parse("-transport", "x", "-enableLogging", "-logLevel", "DEBUG")
        self.assertEqual(options["flags"], {"transport": "x"})
        self.assertEqual(options["log-file"], "dispatcher.log")
        self.assertIs(options["log-level"], LogLevel.debug)
        options = self.parse("-transport", "x", "-enableLogging", "--log-file", "y")
        self.assertEqual(options["log-file"], "y")
        error = self.assertRaises(SystemExit, self.parse, "-showVersion")
        self.assertEqual(error.code, 0)
        self.assertIn("pyptwist ", self.outputs.getvalue())

    def test_config(self) -> None:
        """
        A file is given with one dash or two; whatever says the same as it is refused,
        and its log level is its own unless the command line has one.
        """
        for arguments in (("-config", "x"), ("--config=x",), ("-config=x",)):
            options = self.parse(*arguments)
            self.assertEqual(options["config"], "x")
            self.assertIsNone(options["log-level"])
        options = self.parse("-config", "x", "-logLevel", "warn")
        self.assertIs(options["log-level"], LogLevel.warn)
        self.assertEqual(self.claims, 0)
        for more in (("--stack", "a=b|c"), ("-generateConfig",), ("-serverIP=x",)):
            self.assertRaises(usage.UsageError, self.parse, "-config", "x", *more)
        self.launch()
        error = self.assertRaises(usage.UsageError, self.parse, "-config", "x")
        self.assertEqual(str(error), "-config is not for a process that a parent started")

    def test_hints(self) -> None:
        """
        A name that nobody knows is answered with the nearest.
        """
        for text, hint in (
            ("--log-fiel", "option --log-fiel not recognized; is --log-file meant?"),
            ("-stat", "option -stat not recognized; is -state meant?"),
        ):
            error = self.assertRaises(usage.UsageError, self.parse, text, "x")
            self.assertEqual(str(error), hint)
        self.assertEqual((self.claims, self.parent.heard()), (0, []))

    def test_wrong(self) -> None:
        """
        A parent hears of a bad command line, once: it would try for ever.
        """
        for arguments, text in (
            (["--what"], "option --what not recognized"),
            (["--log-level=loud"], "a log level must be one of debug, info, warn, error"),
            (["--log-level"], "option --log-level requires argument"),
            (
                ["--stack", "x"],
                "--stack: a stack is defined as NAME=EXPRESSION, as in b64_obfs4=obfs4|b64",
            ),
            (["--stack", "x=a|b", "--stack", "x=c|d"], "--stack: x is defined twice"),
            (
                ["--stack", "x-y=a|b"],
                "--stack: 'x-y' cannot be a stack's name: letters, digits and '_', no digit first",
            ),
        ):
            self.launch()
            self.assertRaises(usage.UsageError, self.parse, *arguments)
            self.assertEqual(self.parent.heard(), [f"ENV-ERROR the command line: {text}"])

    def test_wrongByHand(self) -> None:
        """
        Without a parent there is nobody to tell.
        """
        self.assertRaises(usage.UsageError, self.parse, "--what")
        self.assertEqual(self.parent.heard(), [])

    def test_byHand(self) -> None:
        """
        Without a parent there is nothing to do but to say so.
        """
        error = self.assertRaises(SystemExit, self.parse)
        self.assertEqual(error.code, 1)
        self.assertIn("ClientTransportPlugin obfs4 exec /", self.errors.getvalue())
        self.assertEqual(self.outputs.getvalue(), "")

    def test_help(self) -> None:
        """
        The help names the options and says what to do.
        """
        error = self.assertRaises(SystemExit, self.parse, "--help")
        self.assertEqual(error.code, 0)
        for text in ("--log-file", "--log-level", "--stack", "--unsafe-logging", "torrc"):
            self.assertIn(text, self.outputs.getvalue())


class ServiceTests(LaunchedCase):
    """
    Tests for ``tap.makeService``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.reactor = MemoryReactorClock()
        self.patch(tap, "_reactor", lambda: self.reactor)

    def make(self, **options: Any) -> tap.ChildService:
        return tap.makeService({**_DEFAULTS, **options})

    def refused(self, **options: Any) -> list[str]:
        """
        :returns: what the parent hears of a start that fails.
        """
        error = self.assertRaises(SystemExit, self.make, **options)
        self.assertEqual(error.code, 1)
        heard = self.parent.heard()
        self.assertIn(heard[-1], self.errors.getvalue())
        return heard

    def test_client(self) -> None:
        """
        The service is a child, with which the parent shares a version, and looks
        after its memory.
        """
        self.launch()
        service = self.make()
        self.assertEqual(self.parent.heard(), ["VERSION 1"])
        self.assertEqual([type(each) for each in service], [Ebb, Child])

    def test_server(self) -> None:
        """
        So it is on the other side.
        """
        self.launch(SERVER_TRANSPORTS="dummy", ORPORT="127.0.0.1:1", CLIENT_TRANSPORTS="")
        self.make()
        self.assertEqual(self.parent.heard(), ["VERSION 1"])

    def test_noVersion(self) -> None:
        """
        Without a version in common nothing else matters.
        """
        self.launch(MANAGED_TRANSPORT_VER="9")
        self.assertEqual(self.refused(), ["VERSION-ERROR no-version"])

    def test_badEnvironment(self) -> None:
        """
        What is wrong with the variables is said after the version.
        """
        self.launch(STATE_LOCATION="")
        self.assertEqual(
            self.refused(), ["VERSION 1", "ENV-ERROR TOR_PT_STATE_LOCATION is not set"]
        )

    def test_badProxy(self) -> None:
        """
        So it is with the upstream proxy.
        """
        self.launch(PROXY="gopher://192.0.2.1:70")
        heard = self.refused()
        self.assertRegex(heard[1], "^PROXY-ERROR ")
        self.assertNotIn("192.0.2.1", heard[1])

    def test_unforeseen(self) -> None:
        """
        A failure that nobody foresaw is a line, too, and its traceback is kept.
        """

        def explode(*settings: object) -> Configuration:
            raise ZeroDivisionError("at 192.0.2.1:443")

        self.patch(tap, "parseEnvironment", explode)
        self.launch()
        self.assertEqual(
            self.refused()[1], "ENV-ERROR an unforeseen ZeroDivisionError: at [scrubbed]"
        )
        self.assertIn("Traceback", self.errors.getvalue())
        self.assertNotIn("192.0.2.1", self.errors.getvalue())

    def test_noInput(self) -> None:
        """
        A process without standard input cannot watch it.
        """
        self.hasInput = False
        self.launch()
        self.make()
        self.parent = Parent(self)
        self.launch(EXIT_ON_STDIN_CLOSE="1")
        self.assertIn("ENV-ERROR the end of standard input", self.refused()[1])

    def test_twistd(self) -> None:
        """
        twistd's application gets the service's log.
        """
        self.launch()
        service = self.make()
        application = Application("pt")
        service.setServiceParent(application)
        self.assertIs(application.getComponent(ILogObserver), service.observer)
        self.assertIn(service, list(IServiceCollection(application)))

    def test_otherParent(self) -> None:
        """
        Any service collection will do as a parent.
        """
        self.launch()
        service = self.make()
        collection = MultiService()
        service.setServiceParent(collection)
        self.assertEqual(list(collection), [service])


class LogTests(LaunchedCase):
    """
    Where the log goes.
    """

    def setUp(self) -> None:
        super().setUp()
        self.patch(tap, "_reactor", MemoryReactorClock)

    def log(self, **options: Any) -> list[str]:
        """
        Log something with an address.

        :returns: what the parent hears, after VERSION.
        """
        service = tap.makeService({**_DEFAULTS, **options})
        log = Logger("pyptwist.x", observer=service.observer)
        log.debug("detail 192.0.2.1")
        log.warn("warning 192.0.2.1")
        return self.parent.heard()[1:]

    def test_standardError(self) -> None:
        """
        By default it goes to standard error, clean, and warnings to the parent.
        """
        self.launch()
        self.assertEqual(self.log(), ['LOG SEVERITY=warning MESSAGE="warning [scrubbed]"'])
        self.assertIn("warning [scrubbed]", self.errors.getvalue())
        self.assertNotIn("detail", self.errors.getvalue())

    def test_stateDirectory(self) -> None:
        """
        A relative file is inside the state directory, which is made for it.
        """
        state = self.launch()
        self.log(**{"log-file": "x.log", "log-level": LogLevel.debug})
        path = os.path.join(state, "x.log")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("detail [scrubbed]", text)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(state).st_mode), 0o700)
        self.assertEqual(self.errors.getvalue(), "")

    def test_elsewhere(self) -> None:
        """
        An absolute one is where it says.
        """
        state, path = self.launch(), os.path.abspath(self.mktemp())
        self.log(**{"log-file": path})
        self.assertTrue(os.path.exists(path))
        self.assertFalse(os.path.exists(state))

    def test_unsafe(self) -> None:
        """
        Unsafe logging leaves addresses in the log, and never in the parent's.
        """
        self.launch()
        heard = self.log(**{"unsafe-logging": 1})
        self.assertEqual(heard, ['LOG SEVERITY=warning MESSAGE="warning [scrubbed]"'])
        self.assertIn("warning 192.0.2.1", self.errors.getvalue())

    def test_impossible(self) -> None:
        """
        A log file that cannot be opened is no reason not to serve.
        """
        self.launch()
        heard = self.log(**{"log-file": "/nonexistent/x.log"})
        self.assertIn('LOG SEVERITY=warning MESSAGE="the log file cannot be opened', heard[0])
        self.assertIn("warning", self.errors.getvalue())


class PluginTests(SynchronousTestCase):
    """
    Tests for the plugin module.
    """

    def test_found(self) -> None:
        """
        Twisted finds what the module adds, and our options behind ``pt``.
        """
        from twisted.application.service import IServiceMaker
        from twisted.internet.interfaces import (
            IStreamClientEndpointStringParserWithReactor,
            IStreamServerEndpointStringParser,
        )

        from pyptwist.registry import clientTransports, serverTransports

        [maker] = [plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname == "pt"]
        self.assertIs(maker.options, tap.Options)
        self.assertIs(maker.makeService, tap.makeService)
        for methods in (clientTransports(), serverTransports()):
            self.assertLessEqual({"dummy", "obfs4"}, set(methods))
        interfaces: tuple[Any, ...] = (
            IStreamClientEndpointStringParserWithReactor,
            IStreamServerEndpointStringParser,
        )
        for interface in interfaces:
            self.assertIn("pt", [parser.prefix for parser in getPlugins(interface)])
