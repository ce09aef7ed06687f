"""
Tests for ``pyptwist.transports.obfs4.identity``.

tests/interop/test_obfs4state.py shows the same files to obfs4proxy.
"""

from __future__ import annotations

import json
import os
import stat
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.state import StateDirectory
from pyptwist.transports.obfs4.identity import (
    BRIDGE_LINE_FILE,
    STATE_FILE,
    Identity,
    decodeCert,
    encodeCert,
    loadIdentity,
    serverIdentity,
)

NODE_ID = bytes(range(20))
PRIVATE_KEY = bytes(range(0x80, 0xA0))
PUBLIC_KEY = bytes.fromhex("493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d")
SEED = bytes(range(24))
# Made by obfs4proxy 0.0.14 from the three values above.
CERT = "AAECAwQFBgcICQoLDA0ODxAREhNJPoL8dEZKWSaIF2I9IFPF644sxKmItP7heexrAQ1THQ"

OPTIONS = Arguments(
    {"node-id": NODE_ID.hex(), "private-key": PRIVATE_KEY.hex(), "drbg-seed": SEED.hex()}
)

# As obfs4proxy 0.0.14 left it in a fresh directory.
THEIR_STATE = (
    b'{"node-id":"22edeed6a15365364791a36e80b546aa53d9f204",'
    b'"private-key":"5a95605b2fab89f2477c5f1493dff5bd2c46285833bfa56c9501049ac4fb23f0",'
    b'"public-key":"5bb863109fb435a829114c1758bc89524c6db0b9647a30761695bc6500b05503",'
    b'"drbg-seed":"139a67f0b10ca86934a523c61a59acef4d91c2d711bb6337","iat-mode":0}'
)
THEIR_CERT = "Iu3u1qFTZTZHkaNugLVGqlPZ8gRbuGMQn7Q1qCkRTBdYvIlSTG2wuWR6MHYWlbxlALBVAw"


class TestCert(SynchronousTestCase):
    def test_knownAnswer(self) -> None:
        self.assertEqual(encodeCert(NODE_ID, PUBLIC_KEY), CERT)
        self.assertEqual(decodeCert(Arguments(cert=CERT)), (NODE_ID, PUBLIC_KEY))

    def test_padded(self) -> None:
        self.assertEqual(decodeCert(Arguments(cert=CERT + "==")), (NODE_ID, PUBLIC_KEY))

    @given(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32))
    def test_roundTrip(self, nodeId: bytes, publicKey: bytes) -> None:
        cert = encodeCert(nodeId, publicKey)
        self.assertEqual(len(cert), 70)
        self.assertEqual(decodeCert(Arguments(cert=cert)), (nodeId, publicKey))

    def test_wrong(self) -> None:
        for cert in ("", CERT[:-1], CERT[:-2], CERT + "AA", "!" + CERT[1:], "-_" + CERT[2:], "é"):
            error = self.assertRaises(ConfigurationError, decodeCert, Arguments(cert=cert))
            self.assertIn("'cert'", str(error))
            self.assertNotIn(CERT[5:20], str(error))


class TestServerIdentity(SynchronousTestCase):
    def test_cert(self) -> None:
        server = serverIdentity(Arguments(cert=CERT))
        self.assertEqual((server.nodeId, server.publicKey), (NODE_ID, PUBLIC_KEY))

    def test_oldForm(self) -> None:
        old = Arguments({"node-id": NODE_ID.hex(), "public-key": PUBLIC_KEY.hex().upper()})
        self.assertEqual(serverIdentity(old), serverIdentity(Arguments(cert=CERT)))

    def test_certWins(self) -> None:
        both = Arguments({"node-id": "00", "public-key": "zz", "cert": CERT})
        self.assertEqual(serverIdentity(both), serverIdentity(Arguments(cert=CERT)))

    def test_wrong(self) -> None:
        good = {"node-id": NODE_ID.hex(), "public-key": PUBLIC_KEY.hex()}
        for arguments, named in (
            ({}, "'cert'"),
            ({"public-key": good["public-key"]}, "'cert'"),
            ({"node-id": good["node-id"]}, "'public-key'"),
            ({**good, "node-id": good["node-id"][2:]}, "'node-id'"),
            ({**good, "node-id": "zz" * 20}, "'node-id'"),
            ({**good, "public-key": good["public-key"] + "00"}, "'public-key'"),
            ({**good, "public-key": good["public-key"][1:]}, "'public-key'"),
        ):
            error = self.assertRaises(ConfigurationError, serverIdentity, Arguments(arguments))
            self.assertIn(named, str(error))


class TestFromOptions(SynchronousTestCase):
    def test_all(self) -> None:
        identity = Identity.fromOptions(OPTIONS)
        self.assertEqual(identity.keys.nodeId, NODE_ID)
        self.assertEqual(identity.keys.privateKey, PRIVATE_KEY)
        self.assertEqual(identity.keys.publicKey, PUBLIC_KEY)
        self.assertEqual(identity.keys.seed, SEED)
        self.assertEqual(identity.iatMode, 0)
        self.assertEqual(identity.cert, CERT)

    def test_iatMode(self) -> None:
        for mode in range(3):
            identity = Identity.fromOptions(OPTIONS.updated(Arguments({"iat-mode": str(mode)})))
            self.assertEqual(
                identity.clientArguments, Arguments({"cert": CERT, "iat-mode": str(mode)})
            )

    def test_longSeed(self) -> None:
        """
        obfs4proxy cuts a seed that is too long, so we do.
        """
        for more in ("ff", "ff" * 40):
            long = OPTIONS.updated(Arguments({"drbg-seed": SEED.hex() + more}))
            self.assertEqual(Identity.fromOptions(long), Identity.fromOptions(OPTIONS))

    def test_allOrNone(self) -> None:
        keys = tuple(OPTIONS)
        for missing in (*combinations(keys, 1), *combinations(keys, 2)):
            error = self.assertRaises(
                ConfigurationError, loadIdentity, OPTIONS.without(*missing), None, bytes
            )
            self.assertTrue(any(repr(key) in str(error) for key in missing), str(error))

    def test_wrong(self) -> None:
        for key, value in (
            ("node-id", NODE_ID.hex() + "00"),
            ("node-id", NODE_ID.hex()[:-1] + "g"),
            ("private-key", PRIVATE_KEY.hex()[2:]),
            ("drbg-seed", SEED.hex()[2:]),
            ("drbg-seed", SEED.hex() + "0"),
            ("drbg-seed", "g" * 48),
            ("iat-mode", "3"),
            ("iat-mode", "-1"),
            ("iat-mode", ""),
            ("iat-mode", "one"),
        ):
            wrong = OPTIONS.updated(Arguments({key: value}))
            error = self.assertRaises(ConfigurationError, Identity.fromOptions, wrong)
            self.assertIn(repr(key), str(error))
            self.assertNotIn(PRIVATE_KEY.hex()[4:], str(error))

    def test_secret(self) -> None:
        """
        What is logged by mistake tells nothing.
        """
        text = repr(Identity.fromOptions(OPTIONS))
        for secret in (PRIVATE_KEY, SEED):
            self.assertNotIn(repr(secret)[2:-1], text)
            self.assertNotIn(secret.hex(), text)


class TestStateFormat(SynchronousTestCase):
    def test_theirs(self) -> None:
        """
        obfs4proxy's file is read, and written again byte for byte.
        """
        identity = Identity.fromState(THEIR_STATE)
        self.assertEqual(identity.cert, THEIR_CERT)
        self.assertEqual(identity.toState(), THEIR_STATE)

    @given(st.binary(min_size=76, max_size=76), st.integers(0, 2))
    def test_roundTrip(self, raw: bytes, mode: int) -> None:
        options: dict[str, JSON] = {
            "node-id": raw[:20].hex(),
            "private-key": raw[20:52].hex(),
            "drbg-seed": raw[52:].hex(),
            "iat-mode": mode,
        }
        identity = Identity.fromOptions(Arguments(options))
        self.assertEqual(Identity.fromState(identity.toState()), identity)

    def test_publicKeyIgnored(self) -> None:
        """
        obfs4proxy leaves it empty when the keys came as options.
        """
        fields = {**json.loads(THEIR_STATE), "public-key": ""}
        self.assertEqual(Identity.fromState(json.dumps(fields).encode()).cert, THEIR_CERT)

    def test_oldFile(self) -> None:
        """
        obfs4proxy before 0.0.3 had no mode.
        """
        fields = json.loads(THEIR_STATE)
        del fields["iat-mode"]
        self.assertEqual(Identity.fromState(json.dumps(fields).encode()).iatMode, 0)

    def test_damaged(self) -> None:
        fields = json.loads(THEIR_STATE)
        for data in (
            b"",
            b"null",
            b"[]",
            b'"x"',
            b"{}",
            THEIR_STATE[:-1],
            THEIR_STATE[:150],
            THEIR_STATE + b"}",
            b"\xff\xfe" + THEIR_STATE,
            bytes(len(THEIR_STATE)),
            b"[" * 50_000,
            *(
                json.dumps({**fields, key: value}).encode()
                for key, value in (
                    ("node-id", None),
                    ("node-id", 10**39),
                    ("node-id", "00"),
                    ("private-key", ""),
                    ("private-key", ["00"]),
                    ("drbg-seed", "00"),
                    ("iat-mode", 3),
                    ("iat-mode", 0.5),
                    ("iat-mode", True),
                    ("iat-mode", None),
                    ("iat-mode", {}),
                )
            ),
        ):
            self.assertRaises(ConfigurationError, Identity.fromState, data)

    @given(st.binary(max_size=300))
    @settings(max_examples=300)
    def test_garbage(self, data: bytes) -> None:
        self.assertRaises(ConfigurationError, Identity.fromState, data)

    @given(st.integers(0, len(THEIR_STATE) - 1), st.integers(0, 255))
    @settings(max_examples=300)
    def test_oneByteWrong(self, position: int, value: int) -> None:
        """
        It is understood or it is refused, in no other way.
        """
        data = bytearray(THEIR_STATE)
        data[position] = value
        try:
            identity = Identity.fromState(bytes(data))
        except ConfigurationError as error:
            self.assertNotIn("5a95605b", str(error))
        else:
            self.assertEqual(len(identity.cert), 70)


class TestLoadIdentity(SynchronousTestCase):
    def setUp(self) -> None:
        self.where = self.mktemp()
        self.state = StateDirectory(self.where)

    def _file(self, name: str) -> bytes:
        with open(os.path.join(self.where, name), "rb") as file:
            return file.read()

    def test_fresh(self) -> None:
        """
        The first start makes an identity, the second one finds it.
        """
        first = loadIdentity(Arguments(), self.state, os.urandom)
        second = loadIdentity(Arguments(), self.state, os.urandom)
        self.assertEqual(first, second)
        self.assertEqual(first.iatMode, 0)
        self.assertEqual(self._file(STATE_FILE), first.toState())
        other = loadIdentity(Arguments(), StateDirectory(self.mktemp()), os.urandom)
        self.assertNotEqual(first.cert, other.cert)

    def test_entropy(self) -> None:
        """
        Keys come from the entropy given, and no byte of it is used twice.
        """
        given = iter(range(256))
        identity = Identity.fresh(lambda count: bytes(next(given) for _ in range(count)))
        keys = identity.keys
        material = keys.nodeId + keys.privateKey + keys.seed
        self.assertEqual(sorted(material), list(range(76)))

    def test_modes(self) -> None:
        loadIdentity(Arguments(), self.state, os.urandom)
        for name in (STATE_FILE, BRIDGE_LINE_FILE):
            mode = stat.S_IMODE(os.stat(os.path.join(self.where, name)).st_mode)
            self.assertEqual(mode, 0o600)
        self.assertEqual(sorted(os.listdir(self.where)), [BRIDGE_LINE_FILE, STATE_FILE])

    def test_bridgeLine(self) -> None:
        """
        What a script that knows obfs4proxy's file looks for.
        """
        loadIdentity(OPTIONS, self.state, os.urandom)
        *comment, blank, line = self._file(BRIDGE_LINE_FILE).decode("ascii").splitlines()
        self.assertEqual(
            line, f"Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> cert={CERT} iat-mode=0"
        )
        self.assertEqual(blank, "")
        self.assertTrue(comment)
        for text in comment:
            self.assertEqual(text[:1], "#")

    def test_theirState(self) -> None:
        self.state.write(STATE_FILE, THEIR_STATE)
        identity = loadIdentity(Arguments(), self.state, os.urandom)
        self.assertEqual(identity.cert, THEIR_CERT)
        self.assertEqual(self._file(STATE_FILE), THEIR_STATE)

    def test_modeOverridden(self) -> None:
        """
        The mode alone may be given; it is kept, as obfs4proxy keeps it.
        """
        self.state.write(STATE_FILE, THEIR_STATE)
        identity = loadIdentity(Arguments({"iat-mode": "2"}), self.state, os.urandom)
        self.assertEqual((identity.cert, identity.iatMode), (THEIR_CERT, 2))
        self.assertEqual(loadIdentity(Arguments(), self.state, os.urandom), identity)

    def test_optionsWin(self) -> None:
        """
        Given keys replace those in the state, as with obfs4proxy.
        """
        self.state.write(STATE_FILE, THEIR_STATE)
        self.assertEqual(loadIdentity(OPTIONS, self.state, os.urandom).cert, CERT)
        self.assertEqual(loadIdentity(Arguments(), self.state, os.urandom).cert, CERT)

    def test_wrongOptionWritesNothing(self) -> None:
        self.assertRaises(
            ConfigurationError,
            loadIdentity,
            Arguments({"iat-mode": "9"}),
            self.state,
            os.urandom,
        )
        self.assertFalse(os.path.exists(self.where))

    def test_noState(self) -> None:
        """
        Given keys need no directory; without both, the error tells the cure.
        """
        self.assertEqual(loadIdentity(OPTIONS, None, os.urandom).cert, CERT)
        for options in (Arguments(), Arguments({"iat-mode": "1"})):
            error = self.assertRaises(ConfigurationError, loadIdentity, options, None, os.urandom)
            for word in ("TOR_PT_STATE_LOCATION", "state=", "node-id", "private-key", "drbg-seed"):
                self.assertIn(word, str(error))

    def test_damaged(self) -> None:
        """
        A damaged file is named, and left as it is.
        """
        for data in (b"", THEIR_STATE[:100], b"{}"):
            self.state.write(STATE_FILE, data)
            error = self.assertRaises(
                ConfigurationError, loadIdentity, Arguments(), self.state, os.urandom
            )
            self.assertIn(self.state.path(STATE_FILE), str(error))
            self.assertIn("remove it", str(error))
            self.assertEqual(self._file(STATE_FILE), data)
            self.assertEqual(os.listdir(self.where), [STATE_FILE])

    def test_notWritable(self) -> None:
        """
        An identity that cannot be kept is not used: users would lose it.
        """
        with open(self.where, "wb"):
            pass
        self.assertRaises(ConfigurationError, loadIdentity, Arguments(), self.state, os.urandom)
