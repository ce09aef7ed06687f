"""
Files with certificates and keys, in PEM, that options name.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from pyptwist import limits
from pyptwist.errors import ConfigurationError


def readPEM(option: str, file: str, where: str = "") -> bytes:
    """
    :param option: its name, for messages.
    :param where: the file's place, for messages, if it may be told.
    :returns: what the file holds, up to ``limits.CERTIFICATES`` bytes.
    :raises ConfigurationError: if it cannot be read, or is larger.
    """
    place = f", {where}," if where else ""
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(limits.CERTIFICATES + 1)
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or "no such file"
        raise ConfigurationError(
            f"the file of {option!r}{place} cannot be read: {problem}"
        ) from None
    if len(data) > limits.CERTIFICATES:
        raise ConfigurationError(f"the file of {option!r} is too large")
    return data


def certificatesIn(option: str, data: bytes) -> list[x509.Certificate]:
    """
    :param option: whose file it is from.
    :returns: one or more.
    :raises ConfigurationError: if there are none.
    """
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ConfigurationError(
            f"the file of {option!r} must hold certificates, in PEM"
        ) from None
