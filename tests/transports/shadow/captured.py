"""
What programs in Go and our codecs said to each other, recorded on loopback.

Our side has the keys, the password and the entropy of
``tests.transports.shadow.vectors``; theirs drew its own.  The programs were built from
shadow 2.2.12 of shapeshifter-transports, from Shadow-go and Starbridge-go, and did
nothing but pass on what an application said.
"""

from __future__ import annotations

from typing import Final

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.interfaces import ICodec
from tests.transports.shadow.vectors import delivered, sent

#: What the applications said.
GO_ASKS: Final = b"Question of the program in Go"
GO_ANSWERS: Final = b"Answer of the program in Go"
WE_ASK: Final = b"pyptwist asks"
WE_ANSWER: Final = b"pyptwist answers"

#: Turns of a conversation: is it ours, and the bytes.
Conversation = list[tuple[bool, bytes]]


def replay(
    test: SynchronousTestCase, codec: ICodec, conversation: Conversation, word: bytes
) -> bytes:
    """
    Have a codec say its part again, byte by byte.

    :param word: what the application says once it may.
    :returns: what the codec heard.
    """
    effects = codec.start(0.0)
    saying, heard = sent(effects), b""
    for isOurs, data in conversation:
        if not isOurs:
            effects = codec.receive(data, 0.0)
            saying += sent(effects)
            heard += delivered(effects)
            continue
        if not saying:
            saying = sent(codec.send(word, 0.0))
        test.assertEqual(saying, data)
        saying = b""
    test.assertEqual(saying, b"")
    return heard


#: Shadow-go 3.0.24 with go-shadowsocks2 1.2.1: its client, and our server.
DARKSTAR_CLIENT_121: Final[Conversation] = [
    (
        False,
        bytes.fromhex(
            "a5514edc8c82390ec4de058c917a8a9a662fa0f94c90f3c6ca01384ef749ea67e8776b561e978c75"
            "8e353c5a7fc661afdb5c0db1360c9bb1ba3db6bb70db6286"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "f7786ccdf79c1542e4fb5b53b8c8bb8396fa2dc2c99a1579a54728b489e6dd9d5144dfe71177ab9e"
            "d91faede31baf567b89626d95f7f9d8c2995aad0edaeef26"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "de5e274c1b6b3669edd28fffd8d61cbcf97f21469de34b36926902aba1e40607c8952c4e53930911"
            "02f82fd6a3e44c5e7f0c"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "8999e31b9d4387033b42a05b4e89defecef5290a8eed0171527fbe18c3ecadb75fc409a48abb738c"
            "6b3ac9728ad59f00c058a366682189dc52741f0b215754"
        ),
    ),
]

#: The same's server, and our client with the keychain confirmation.
DARKSTAR_SERVER_121: Final[Conversation] = [
    (
        True,
        bytes.fromhex(
            "1169cc24f341d9ae32a49465b31581252bad84966d768dc07ff2293b469b99f37feb651427e6e4cf"
            "b5db515b804cf45556fae3979c536184aa4ccddd69f25cce"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "8758a4bdae5cb3a4684b744315795dc79a0d5d84cb10c83c397081c74112c861923a008e3477fd13"
            "96346752733bd40e2d006bf987cb35d63548564997fc8166"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "be0724b30aefd26fbec73fc7d3221157299b435a74707bcb12d4d5eb67854f6b1c50d0fe7ea97e64"
            "d1b63e26c16198"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "df9243df5eab8d29a6d8c00401f1603454b0e970e470d5ba16fd7339146ef9139e2c320e2f681c99"
            "2caeb4b7df908d185f18871d46514f3c2b5032ea21"
        ),
    ),
]

#: Shadow-go 3.0.24 with go-shadowsocks2 1.2.8, as it asks for: its client, and our server.
DARKSTAR_CLIENT_128: Final[Conversation] = [
    (
        False,
        bytes.fromhex(
            "446051acfc2af1f4a5645ab7b55de9eba1026b6b4f227b71b4350f00b175e67044c9c03a6cdbd082"
            "eea31b09b74d3d77d6b7c9ef7b795a543234d494dab2b523"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "f7786ccdf79c1542e4fb5b53b8c8bb8396fa2dc2c99a1579a54728b489e6dd9d735f9bab89d29218"
            "a093068d8cc1ad218c956b32fb98f1d9d5e234ff2e36d154"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "140f7d4acc6a226cc4fe34703d4a8b7dd2a8c8ae5e3bbafefca538b7e6777c0bbc1b3c0eb3926fce"
            "b26440b74722ed0b9235"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "a5837cae7c7173c6665dfc3028b706359bca0e91fbd9528a9ccfc297fd675c7d37905bb0505b554e"
            "16a35c709a9b162408b0108aa27760f15847dd438a3c33"
        ),
    ),
]

#: The same's server, and our client with the compact confirmation.
DARKSTAR_SERVER_128: Final[Conversation] = [
    (
        True,
        bytes.fromhex(
            "1169cc24f341d9ae32a49465b31581252bad84966d768dc07ff2293b469b99f37743f62512890c78"
            "5953689b0ab9bfdec8dec4b3d983cc40d072fdc05f1e2948"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "4d09f899122306bf9dac3132540057710920c73cc59626ce9f8a8f82b0057ef2923a008e3477fd13"
            "96346752733bd40e2d006bf987cb35d63548564997fc8166"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "c7050817737667d05297f5ac77a620977b393df330a3bd3038a618cf8438b5e3bcfd3184b38e1dc9"
            "3f51bb51b1f101"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "35767eb3a09a779984bbc7c594d219299430de50a55842ea16bbf79d468ec67d719a418dccea9a01"
            "a4bb995404a5b794a09c32521086a9b81d6ec8b248"
        ),
    ),
]

#: Starbridge-go 3.0.17 with Replicant-go 3.0.23: its client, and our server at seven o'clock.
STARBRIDGE_CLIENT: Final[Conversation] = [
    (True, b"220 mail.imc.org SMTP service ready\r\n"),
    (False, b"EHLO mail.imc.org\r\n"),
    (
        True,
        b"250-mail.imc.org I am glad to meet you\r\n250-8BITMIME\r\n250-DSN\r\n250 STARTTLS\r\n",
    ),
    (False, b"STARTTLS\r\n"),
    (True, b"220 Go ahead\r\n"),
    (
        False,
        bytes.fromhex(
            "80ffc4fecfccfa5461df0237338ec50095b0328baa2f3277b5534772a9eed5f63e30946af4529b0c"
            "92ee9a71742d27bdf8fef09abd5a330354a7fd40440dd360"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "f7786ccdf79c1542e4fb5b53b8c8bb8396fa2dc2c99a1579a54728b489e6dd9dc5a3bec2959c6bf6"
            "699becd7586f4a99137de0f887b49957dc712b2e2a1798bd"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "0acdfc62fe550dd6fccfa1a00df8244c17b6b752278869ed4d05eceb745470924b4be20d11e5fe4a"
            "822ef9730db96954f0dc"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "ada5c5aced9b51142be6b605e5c80a8709be400b3bf72cece8313b44a9b17c277f53efe5c5f7e1e9"
            "3051bca0223409e4c19385011af89cf4399fa3fb9cd646"
        ),
    ),
]

#: The same's server, and our client with the keychain confirmation.
STARBRIDGE_SERVER: Final[Conversation] = [
    (False, b"220 mail.imc.org SMTP service ready\r\n"),
    (True, b"EHLO mail.imc.org\r\n"),
    (
        False,
        b"250-mail.imc.org is my domain name.\r\n250-8BITMIME\r\n250-DSN\r\n250 STARTTLS\r\n",
    ),
    (True, b"STARTTLS\r\n"),
    (False, b"220 Go ahead\r\n"),
    (
        True,
        bytes.fromhex(
            "1169cc24f341d9ae32a49465b31581252bad84966d768dc07ff2293b469b99f37feb651427e6e4cf"
            "b5db515b804cf45556fae3979c536184aa4ccddd69f25cce"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "9ac947a676b0416c7530230ebd6007656a91911a77269ad9f5b0f957631247a5923a008e3477fd13"
            "96346752733bd40e2d006bf987cb35d63548564997fc8166"
        ),
    ),
    (
        True,
        bytes.fromhex(
            "c54b24645b59472a6f3945cf0b636d4960da84d0cdae4a65fb9b7f8a5783487fbb0952fc51134f5b"
            "550b0fefb09b55"
        ),
    ),
    (
        False,
        bytes.fromhex(
            "5ea16afa06ae7e50aaf80a50470f7b80af7a693e4fcb8c520d010d1b3b18d8fbe4d28221fdaedf32"
            "dffb21215f98ec7d9f111e8e3d578eb334c81459f7"
        ),
    ),
]

#: shadow 2.2.12's client, and our server, with two ciphers.
CLASSIC_CLIENT: Final[dict[str, Conversation]] = {
    "aes-256-gcm": [
        (
            False,
            bytes.fromhex(
                "6e30f6057b22c0dbf28e1c32c79902a8fa96a781cd3691f2f9691531f342abb6d5fd9e63ece1108f"
                "0cbb88a26826d7950668a101685b46356b4a93b8d1c26596d637dcaa41726300f9c29f4bc906907b"
                "f4e9fc6926d4e998446c07604b4e44"
            ),
        ),
        (
            True,
            bytes.fromhex(
                "b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c06371f848b0fa90af1"
                "5cacc3c5f645af9e92e6e0a3c371b46e7cfadfef0338b0df1c0680a2be398807b22540b2e0f8c982"
                "c793"
            ),
        ),
    ],
    "chacha20-ietf-poly1305": [
        (
            False,
            bytes.fromhex(
                "fadf2ce305524084ea85cfbd433aa85b23714888ce492ec62719650c4a9d543e5d0cd87365631450"
                "576b8c3d6aec021570c827d2e2d98f98cf10fd9f9bba2f80c06f10d92073b2087b6ff89a2ab73f57"
                "42bd7d1a48b0a4721a9ed3b70eb608"
            ),
        ),
        (
            True,
            bytes.fromhex(
                "b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c0657c9f88b077f1c72"
                "62c3f7a1ee87749460e4680f5058f34c4ce3ffb299c0cec60817df931396df8b84e5047b1b5113f7"
                "91c7"
            ),
        ),
    ],
}

#: The same's server, and our client.
CLASSIC_SERVER: Final[dict[str, Conversation]] = {
    "aes-256-gcm": [
        (
            True,
            bytes.fromhex(
                "948fe603f61dc036b5c596dc09fe3ce3f3d30dc90f024c85f3c82db2ccab679d167dee9ab225fd76"
                "eba54d87d562b978ed2fa1326b532ea29acd8c7c1dfac842195a40717690d8d6886ffedcf6032c"
            ),
        ),
        (
            False,
            bytes.fromhex(
                "3e8b6df35051ef31c15ea704dc7a49c0477f5d0170a94082040c719ff5af472947caea3e7f1e0aa4"
                "818c4c6738d93f4313784b331fccfefa71a0debe3e1460d9a0e069240184f3058ee4dfa4ece5c538"
                "6888bcb785a6a1b951ec1ebc66"
            ),
        ),
    ],
    "chacha20-ietf-poly1305": [
        (
            True,
            bytes.fromhex(
                "948fe603f61dc036b5c596dc09fe3ce3f3d30dc90f024c85f3c82db2ccab679db9aa789678d64b24"
                "9f3374785f5ca4e9025edc1d1b15c993815dca593b4665f86aa2fe6a445b7de43ca21cb1952c34"
            ),
        ),
        (
            False,
            bytes.fromhex(
                "379766836abe94371f913e28381c495d6dce34ded50f88250a1dac4d798cfdce8223cbc4ebd9213c"
                "acd386aacebf69a8edc4a3ef539a4cd4104e7d4676e455472a134f01318a975320bdbd9aa2fdc843"
                "728ca83c3f71e74b62cd772795"
            ),
        ),
    ],
}
