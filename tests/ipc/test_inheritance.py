"""
Tests for ``pyptwist.ipc.inheritance``: each in a process of its own, since what is
tested is what becomes of a process's descriptors.
"""

from __future__ import annotations

import resource
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.ipc.inheritance import raiseDescriptorLimit
from pyptwist.testing.environments import baseEnvironment

_CLAIM = """
import os, subprocess, sys
from pyptwist.ipc.inheritance import claim, claimForTwistd
"""


class ClaimTests(SynchronousTestCase):
    """
    Tests for ``claim``.
    """

    def run_(self, script: str, shell: str = "") -> tuple[str, str]:
        """
        :param shell: redirections.
        :returns: what arrives on standard output, and on standard error.
        """
        environment = baseEnvironment()
        environment.pop("PYTHONUNBUFFERED", None)
        environment |= {"SCRIPT": _CLAIM + script, "PYTHON": sys.executable}
        command = f'exec "$PYTHON" -c "$SCRIPT" {shell}'
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout, done.stderr

    def test_private(self) -> None:
        """
        Only who has the descriptor still writes to standard output.
        """
        out, err = self.run_(
            "inherited = claim()\n"
            "print('printed', flush=True)\n"
            "os.write(1, b'written\\n')\n"
            "subprocess.run(['/bin/echo', 'grandchild'])\n"
            "os.write(inherited.output, b'line\\n')\n"
        )
        self.assertEqual(out, "line\n")
        self.assertEqual(err, "printed\nwritten\ngrandchild\n")

    def test_buffered(self) -> None:
        """
        What was printed before, and not flushed, goes to standard error.
        """
        out, err = self.run_("print('early')\nclaim()\n")
        self.assertEqual((out, err), ("", "early\n"))

    def test_replaced(self) -> None:
        """
        So it does if somebody has put something else in the place of
        ``sys.stdout``, even what cannot be flushed.
        """
        for other in ("open(os.devnull, 'w')", "None", "object()"):
            out, err = self.run_(
                f"print('early')\nsys.stdout = {other}\nclaim()\nsys.stdout = None\n"
            )
            self.assertEqual((out, err), ("", "early\n"))

    def test_once(self) -> None:
        """
        The second claim gives the same.
        """
        out, _ = self.run_(
            "first = claim()\nos.write(first.output, repr(claim() is first).encode())\n"
        )
        self.assertEqual(out, "True")

    def test_forTwistd(self) -> None:
        """
        ``twistd pt`` under a parent is told from all else.
        """
        show = (
            "import sys\n"
            "os.environ['TOR_PT_MANAGED_TRANSPORT_VER'] = '1'\n"
            "claimForTwistd({})\n"
            "print('printed', flush=True)\n"
        )
        for arguments, expected in (
            (["/usr/bin/twistd", "pt"], ""),
            (["twistd3", "--umask=77", "pt", "--log-file=x"], ""),
            (["/usr/bin/twistd", "web"], "printed\n"),
            (["/usr/bin/other", "pt"], "printed\n"),
            ([], "printed\n"),
        ):
            self.assertEqual(self.run_(show.format(arguments))[0], expected)
        unmanaged = "claimForTwistd(['twistd', 'pt'])\nprint('printed')\n"
        self.assertEqual(self.run_(unmanaged)[0], "printed\n")
        for flags, expected in ((["-client"], ""), (["--log-file", "-client"], "printed\n")):
            standalone = f"claimForTwistd({['twistd', '-n', 'pt', *flags]})\nprint('printed')\n"
            self.assertEqual(self.run_(standalone)[0], expected)

    def test_notInherited(self) -> None:
        """
        Programs that we start do not get the descriptor.
        """
        out, _ = self.run_(
            "inherited = claim()\n"
            "done = subprocess.run(['/bin/sh', '-c', f'echo x >&{inherited.output}'],\n"
            "                      close_fds=False, stderr=subprocess.DEVNULL)\n"
            "os.write(inherited.output, b'failed' if done.returncode else b'leaked')\n"
        )
        self.assertEqual(out, "failed")

    def test_parent(self) -> None:
        """
        The parent's process id, and whether there is an input, are kept.
        """
        show = (
            "inherited = claim()\n"
            "text = repr((inherited.parent == os.getppid(), inherited.hasInput))\n"
            "os.write(inherited.output, text.encode())\n"
        )
        self.assertEqual(self.run_(show)[0], "(True, True)")
        self.assertEqual(self.run_(show, "<&-")[0], "(True, False)")

    def test_noOutput(self) -> None:
        """
        A process that was started without standard output has none, and what
        was opened in its place is left alone.
        """
        out, err = self.run_(
            "reused = os.open(os.devnull, os.O_WRONLY)\n"
            "inherited = claim()\n"
            "print(reused, inherited.output, file=sys.stderr)\n"
            "os.write(reused, b'nothing')\n",
            ">&-",
        )
        self.assertEqual((out, err), ("", "1 None\n"))

    def test_noError(self) -> None:
        """
        Without standard error, what others print is lost.
        """
        out, _ = self.run_(
            "inherited = claim()\n"
            "print('lost', flush=True)\n"
            "os.write(inherited.output, b'line\\n')\n",
            "2>&-",
        )
        self.assertEqual(out, "line\n")

    def test_light(self) -> None:
        """
        It can come first: nothing of Twisted is imported for it.
        """
        out, _ = self.run_(
            "names = [name for name in sys.modules if name.startswith('twisted')]\n"
            "os.write(claim().output, repr(names).encode())\n"
        )
        self.assertEqual(out, "[]")


class DescriptorTests(SynchronousTestCase):
    """
    ``raiseDescriptorLimit``
    """

    def test_raised(self) -> None:
        """
        The soft limit becomes the hard one.
        """
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(500, before[1]), before[1]))
        raiseDescriptorLimit()
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (before[1], before[1]))
