"""
Every method that comes with pyptwist, in processes, as tor starts them.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from pyptwist.testing import ManagedConformance


class DummyTests(ManagedConformance, TestCase):
    methodName = "dummy"


class B64Tests(ManagedConformance, TestCase):
    methodName = "b64"


class MeekTests(ManagedConformance, TestCase):
    """
    Clients need nothing but an address.
    """

    methodName = "meek"
    optionalArguments = True
    wrongArguments = ({"url": "ftp://example.com/"}, {"front": "example.com"})
    wrongServerOptions = (
        {"path": "no-slash"},
        {"cert": "/nowhere", "key": "/nowhere"},
        {"url": "https://example.com/?a=b"},
        {"decoy": "127.0.0.1:1"},
    )


class MeekLiteTests(MeekTests):
    """
    Under the other name.
    """

    methodName = "meek_lite"


class Obfs2Tests(ManagedConformance, TestCase):
    """
    With a shared secret, which a client does not miss until it is refused.
    """

    methodName = "obfs2"
    serverOptions = {"shared-secret": "correct horse battery staple".replace(" ", "-")}
    optionalArguments = True


class Obfs3Tests(ManagedConformance, TestCase):
    methodName = "obfs3"


class Obfs4Tests(ManagedConformance, TestCase):
    methodName = "obfs4"
    wrongArguments = [
        {"cert": "nonsense", "iat-mode": "0"},
        {"cert": "A" * 70, "iat-mode": "7"},
    ]
    wrongServerOptions = [{"iat-mode": "7"}, {"private-key": "0123456789abcdef"}]


class ScrambleSuitTests(ManagedConformance, TestCase):
    methodName = "scramblesuit"
    wrongArguments = [{"password": "much-too-short"}]
    wrongServerOptions = [{"password": "much-too-short"}]


class WebTunnelTests(ManagedConformance, TestCase):
    """
    Without a URL, which would name another address than the child's.
    """

    methodName = "webtunnel"
    wrongArguments = [{"path": "secret"}, {"url": "ftp://example.com/secret"}]
    wrongServerOptions = [{"url": "https://example.com"}, {"site": "/nowhere"}]


class ShadowTests(ManagedConformance, TestCase):
    """
    With a key of its own, and no address: it says where it listens.
    """

    methodName = "shadow"
    wrongArguments = [{"cipherName": "rot13"}, {"serverPublicKey": "nonsense"}]
    wrongServerOptions = [{"cipherName": "rot13"}, {"serverPrivateKey": "nonsense"}]


class ReplicantTests(ManagedConformance, TestCase):
    methodName = "Replicant"
    serverOptions = {"toneburst": "Starburst", "polish": "DarkStar"}
    wrongArguments = [{"toneburst": "Monotone"}]
    wrongServerOptions = [{"polish": "Silver"}]
    optionalArguments = True


class StarbridgeTests(ManagedConformance, TestCase):
    methodName = "Starbridge"
    wrongArguments = [{"serverPublicKey": "nonsense"}]
    wrongServerOptions = [{"serverPrivateKey": "nonsense"}]


class SmuxTests(ManagedConformance, TestCase):
    methodName = "smux"
    wrongArguments = [{"version": "3"}]
    wrongServerOptions = [{"version": "3"}, {"window": "1"}]


class KcpTests(ManagedConformance, TestCase):
    methodName = "kcp"
    isOverUDP = True
    wrongArguments = [{"framing": "nonsense"}]
    wrongServerOptions = [{"framing": "nonsense"}]


class StackTests(ManagedConformance, TestCase):
    """
    A stack, defined on the command line.
    """

    methodName = "b64_obfs4"
    commandOptions = ["--stack", "b64_obfs4=obfs4|b64"]
    wrongArguments = [{"obfs4-cert": "nonsense"}]
    wrongServerOptions = [{"obfs4-iat-mode": "7"}, {"iat-mode": "0"}]
