"""
Tests for ``pyptwist.doctor.unit``.
"""

from __future__ import annotations

from pyptwist.doctor.case import Verdict
from pyptwist.doctor.unit import checkUnit
from tests.doctor.machines import MachineCase

#: As Debian 12 has it, in short.
UNIT = """\
[Service]
ExecStart=/usr/bin/tor -f /etc/tor/torrc
# Hardening
NoNewPrivileges=yes
PrivateTmp=yes
ProtectHome=yes
ReadOnlyDirectories=/
ReadWriteDirectories=-/proc
ReadWriteDirectories=-/var/lib/tor
"""
TORRC = "ServerTransportListenAddr obfs4 0.0.0.0:443"


class UnitTests(MachineCase):
    """
    Tests for ``checkUnit``.
    """

    def serve(self, dropIn: str = "") -> None:
        self.install("usr/lib/systemd/system/tor.service", "[Service]\nExecStart=/bin/true\n")
        self.install("usr/lib/systemd/system/tor@default.service", UNIT)
        self.install("etc/systemd/system/tor@default.service.d/mine.conf", dropIn)

    def test_none(self) -> None:
        """
        Without a service nothing is in the way.
        """
        self.assertEqual(self.one(checkUnit).verdict, Verdict.OK)

    def test_well(self) -> None:
        """
        Under ``/opt``, with tor's own state and a high port, all is well.
        """
        self.serve()
        torrc = "ServerTransportListenAddr obfs4 0.0.0.0:8443"
        finding = self.one(checkUnit, torrc, state="/var/lib/tor/pt_state")
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_hidden(self) -> None:
        """
        Homes and temporary directories are hidden.
        """
        self.serve()
        for prefix in ("/home/me/venv", "/tmp/venv", "/root/venv"):
            findings = self.findings(checkUnit, TORRC, prefix=prefix)
            self.assertFinds(findings, Verdict.ERROR, f"hides {prefix} ", "venv /opt")
        self.assertEqual(self.one(checkUnit, prefix="/home/me").verdict, Verdict.NOTE)

    def test_notOurs(self) -> None:
        """
        Where this installation is does not matter to somebody else's program.
        """
        self.serve()
        torrc = "ClientTransportPlugin obfs4 exec /usr/bin/obfs4proxy"
        self.assertEqual(self.one(checkUnit, torrc, prefix="/home/me").verdict, Verdict.OK)

    def test_overridden(self) -> None:
        """
        A drop-in has the last word.
        """
        self.serve("[Service]\nProtectHome=no\nReadOnlyDirectories=\n")
        finding = self.one(checkUnit, prefix="/home/me/venv", state="/srv/state")
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_port(self) -> None:
        """
        Low ports are for tor alone, unless the kernel was told otherwise.
        """
        self.serve()
        finding = self.one(checkUnit, TORRC)
        self.assertEqual(finding.verdict, Verdict.ERROR)
        self.assertIn("NoNewPrivileges", finding.text)
        self.assertEqual(finding.remedy, "sysctl net.ipv4.ip_unprivileged_port_start=443")
        self.install("proc/sys/net/ipv4/ip_unprivileged_port_start", "443\n")
        self.assertEqual(self.one(checkUnit, TORRC).verdict, Verdict.OK)

    def test_state(self) -> None:
        """
        A state directory elsewhere must be made writable.
        """
        self.serve()
        finding = self.one(checkUnit, "", state="/srv/state")
        self.assertEqual(finding.verdict, Verdict.ERROR)
        self.assertIn("ReadWriteDirectories=/srv/state", finding.remedy)
        self.serve("[Service]\nReadWritePaths=/srv /x\n")
        self.assertEqual(self.one(checkUnit, "", state="/srv/state").verdict, Verdict.OK)
