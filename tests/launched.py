"""
A test's own process as if a parent had launched it.
"""

from __future__ import annotations

import os
import sys
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import safelog
from pyptwist.ipc import inheritance
from pyptwist.ipc.inheritance import Inheritance
from tests.ipc.parents import Parent


class LaunchedCase(SynchronousTestCase):
    """
    Neither the environment nor the descriptors of the process are the test's to
    change, so both are replaced.

    :ivar errors: what is written to standard error.
    :ivar outputs: what is printed to standard output.
    """

    hasInput = True

    def setUp(self) -> None:
        self.parent = Parent(self)
        self.errors = StringIO()
        self.outputs = StringIO()
        self.patch(safelog, "standardError", lambda: self.errors)
        self.patch(sys, "stderr", self.errors)
        self.patch(sys, "stdout", self.outputs)
        self.patch(inheritance, "claim", self._claim)
        self.claims = 0
        self.patch(os, "environ", {"PATH": "/bin"})

    def _claim(self) -> Inheritance:
        self.claims += 1
        return Inheritance(self.parent.writing, self.hasInput, os.getppid())

    def launch(self, **more: str) -> str:
        """
        Set what a parent sets for a client.

        :param more: other variables, without ``TOR_PT_``.
        :returns: the state directory, which does not exist.
        """
        state = str(os.path.abspath(self.mktemp()))
        variables = {
            "MANAGED_TRANSPORT_VER": "1",
            "STATE_LOCATION": state + "/",
            "CLIENT_TRANSPORTS": "dummy",
            **more,
        }
        os.environ.update({f"TOR_PT_{key}": value for key, value in variables.items()})
        return state
