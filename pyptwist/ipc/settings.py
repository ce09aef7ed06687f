"""
What a parent says, wherever it says it: each setting by its flag, and by the
environment variable that means the same.

Errors name what was given, as it was given, and never its text: that may hold
secrets and addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.dialects import Dialect
from pyptwist.ipc.lines import EnvironmentRefused


@dataclass(frozen=True, repr=False)
class Setting:
    """
    One setting.

    :ivar name: what was given: ``-state`` or ``TOR_PT_STATE_LOCATION``.
    :ivar text: its value, not empty.
    """

    name: str
    text: str

    def refuse(self, why: object) -> NoReturn:
        """
        :raises EnvironmentRefused: always.
        """
        raise EnvironmentRefused(f"{self.name}: {why}") from None

    def parts(self) -> list[Setting]:
        """
        :returns: each item of a list, which commas separate.
        """
        return [Setting(self.name, text) for text in self.text.split(",")]

    def address(self, *, allowName: bool = False, allowZero: bool = False) -> HostPort:
        """
        :param allowName: may it be a host name?
        :param allowZero: may the port be left to the kernel?
        :raises EnvironmentRefused: if it is no address.
        """
        try:
            address = HostPort.parse(self.text, allowName=allowName)
        except ConfigurationError as error:
            self.refuse(error)
        if address.port == 0 and not allowZero:
            self.refuse("a port must be between 1 and 65535")
        return address


class Settings:
    """
    Flags and environment together.
    """

    def __init__(
        self, environ: Mapping[str, str], flags: Mapping[str, str], dialect: Dialect
    ) -> None:
        """
        :param environ: such as ``os.environ``.
        :param flags: those given, by name; with any text for those that take none.
        """
        self.environ = environ
        self.dialect = dialect
        self._flags = flags

    def given(self, flag: str) -> bool:
        """
        Is the flag on the command line?
        """
        return flag in self._flags

    def flag(self, flag: str) -> Setting | None:
        """
        :returns: what the command line says; None for nothing, or an empty text.
        """
        text = self._flags.get(flag)
        return Setting(f"-{flag}", text) if text else None

    def variable(self, variable: str) -> Setting | None:
        """
        :returns: what the environment says; None for nothing, or an empty text.
        """
        text = self.environ.get(variable)
        return Setting(variable, text) if text else None

    def get(self, variable: str, *flags: str) -> Setting | None:
        """
        :param flags: those that mean the same as the variable, of which one may be
            given.
        :returns: what the command line says, or else the environment.
        :raises EnvironmentRefused: if too much is given.
        """
        given = self.exclusive(*flags)
        if given is None:
            return self.variable(variable)
        if not self.dialect.flagWins and self.environ.get(variable):
            raise excluding(f"-{given}", variable)
        return self.flag(given)

    def exclusive(self, *flags: str) -> str | None:
        """
        :returns: the one flag that is given of some; None for none.
        :raises EnvironmentRefused: if more than one is given.
        """
        given = [flag for flag in flags if self.given(flag)]
        if len(given) > 1:
            raise excluding(f"-{given[0]}", f"-{given[1]}")
        return given[0] if given else None

    def destination(self, *flags: str) -> HostPort | None:
        """
        :param flags: ``target``, and others that mean the same.
        :returns: what they say, or ``-targethost`` with ``-targetport``.
        :raises EnvironmentRefused: if they are at odds, incomplete or wrong.
        """
        setting = self._destination(*flags)
        return None if setting is None else setting.address(allowName=True)

    def destinations(self, *flags: str) -> tuple[HostPort, ...]:
        """
        The same where there may be several.
        """
        setting = self._destination(*flags)
        parts = [] if setting is None else setting.parts()
        return tuple(part.address(allowName=True) for part in parts)

    def _destination(self, *flags: str) -> Setting | None:
        given = self.exclusive(*flags)
        parts = [flag for flag in ("targethost", "targetport") if self.given(flag)]
        if given is not None and parts:
            raise excluding(f"-{given}", f"-{parts[0]}")
        setting = self.flag(given) if given is not None else None
        if parts:
            host, port = self.flag("targethost"), self.flag("targetport")
            if host is None or port is None:
                raise EnvironmentRefused("-targethost and -targetport need each other")
            setting = joined(host, port)
        return setting


def joined(host: Setting, port: Setting) -> Setting:
    """
    :param host: an IPv6 address may come without brackets.
    :returns: an address that came in two parts.
    """
    bare = ":" in host.text and not host.text.startswith("[")
    text = f"[{host.text}]" if bare else host.text
    return Setting(f"{host.name} and {port.name}", f"{text}:{port.text}")


def excluding(one: str, other: str) -> EnvironmentRefused:
    """
    :returns: the error for what must not be given together.
    """
    return EnvironmentRefused(f"{one} and {other} exclude each other")
