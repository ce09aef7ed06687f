"""
Tests for ``pyptwist.doctor.apparmor``.
"""

from __future__ import annotations

from pyptwist.doctor.apparmor import checkAppArmor, translate
from pyptwist.doctor.case import Verdict
from tests.doctor.machines import PROGRAM, MachineCase

#: As Debian 12 has it, in short.
PROFILE = """\
# vim:syntax=apparmor
#include <tunables/global>

profile system_tor flags=(attach_disconnected) {
  #include <abstractions/tor>

  owner /var/lib/tor/** rwk,
  /{,var/}run/tor/ r,

  #include <local/system_tor>
}
"""
ABSTRACTION = "  /usr/bin/obfs4proxy Pix,\n  owner /opt/mine/bin/x ix,\n"
TORRC = f"ClientTransportPlugin obfs4 exec {PROGRAM}"


class AppArmorTests(MachineCase):
    """
    Tests for ``checkAppArmor``.
    """

    def protect(self, local: str = "", loaded: str | None = "enforce") -> None:
        self.install("etc/apparmor.d/system_tor", PROFILE)
        self.install("etc/apparmor.d/abstractions/tor", ABSTRACTION)
        self.install("etc/apparmor.d/local/system_tor", local)
        if loaded is not None:
            text = f"/usr/bin/man (enforce)\nsystem_tor ({loaded})\n"
            self.install("sys/kernel/security/apparmor/profiles", text)

    def test_none(self) -> None:
        """
        Without a profile all may be started.
        """
        self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.OK)

    def test_refused(self) -> None:
        """
        What no rule names is refused; the remedy adds the rules.
        """
        self.protect()
        finding = self.one(checkAppArmor, TORRC)
        self.assertEqual(finding.verdict, Verdict.ERROR)
        self.assertIn(f"does not let tor start {PROGRAM}", finding.text)
        for rule in (
            f"'  {PROGRAM} ix,'",
            "'  /opt/pt/** mr,'",
            "'  /usr/bin/python3.11 ix,'",
            "'  /usr/lib/python3*/** mr,'",
            "apparmor_parser -r /etc/apparmor.d/system_tor",
        ):
            self.assertIn(rule, finding.remedy)

    def test_mended(self) -> None:
        """
        The remedy's own rules, and the manual's, are understood.
        """
        for local in (
            f"  {PROGRAM} ix,\n",
            "/opt/pt/bin/* ix,\n",
            '"/opt/pt/bin/*" rix, # mine\n',
        ):
            self.protect(local)
            self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.OK)

    def test_insufficient(self) -> None:
        """
        A rule to read, and one in a comment, start nothing.
        """
        for local in ("/opt/pt/** mr,\n", "# /opt/pt/bin/* ix,\n", "/opt/* ix,\n"):
            self.protect(local)
            self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.ERROR)

    def test_others(self) -> None:
        """
        Each program of a torrc is looked at.
        """
        self.protect()
        torrc = f"{TORRC}\nServerTransportPlugin obfs4 exec /usr/bin/obfs4proxy"
        findings = self.findings(checkAppArmor, torrc)
        self.assertFinds(findings, Verdict.OK, "tor may start /usr/bin/obfs4proxy")
        self.assertEqual(len(findings), 2)
        remedy = self.findings(checkAppArmor, "ClientTransportPlugin a exec /usr/bin/a")[0].remedy
        self.assertNotIn("python", remedy)

    def test_shared(self) -> None:
        """
        What is installed among everything else does not open all of that.
        """
        self.protect()
        remedy = self.one(checkAppArmor, program="/usr/local/bin/pt", prefix="/usr/local").remedy
        self.assertIn("'  /usr/local/lib/python3*/** mr,'", remedy)
        self.assertNotIn("/usr/local/**", remedy)

    def test_mode(self) -> None:
        """
        A profile that complains, or is not loaded, stops nobody.
        """
        self.protect(loaded="complain")
        self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.NOTE)
        self.install("sys/kernel/security/apparmor/profiles", "/usr/bin/man (enforce)\n")
        self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.OK)

    def test_unreadable(self) -> None:
        """
        Who may not see what is loaded goes by whether the module is on.
        """
        self.protect(loaded=None)
        self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.OK)
        self.install("sys/module/apparmor/parameters/enabled", "Y\n")
        self.assertEqual(self.one(checkAppArmor, TORRC).verdict, Verdict.ERROR)

    def test_noTorrc(self) -> None:
        """
        If nobody said that tor is to start it, that is only something to know.
        """
        self.protect()
        self.assertEqual(self.one(checkAppArmor).verdict, Verdict.NOTE)

    def test_globs(self) -> None:
        """
        Patterns are those of apparmor.d(5).
        """
        for glob, path, matches in (
            ("/a/*", "/a/b", True),
            ("/a/*", "/a/b/c", False),
            ("/a/**", "/a/b/c", True),
            ("/{,usr/}bin/x", "/bin/x", True),
            ("/{,usr/}bin/x", "/usr/bin/x", True),
            ("/{,usr/}bin/x", "/opt/bin/x", False),
            ("/a.b", "/axb", False),
            ("/a?c", "/abc", True),
            ("/a[0-9]", "/a7", True),
            ("/a[0-9]", "/ab", False),
        ):
            self.assertEqual(translate(glob).fullmatch(path) is not None, matches, glob)
