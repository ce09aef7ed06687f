"""
The findings, for people and for programs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyptwist.doctor.case import Finding, Verdict
from pyptwist.tables import aligned

#: Of the JSON document; a new one where a program that reads it would err.
FORMAT = 1

_BAD = (Verdict.WARNING, Verdict.ERROR)


def isSound(findings: Sequence[Finding]) -> bool:
    """
    Is there nothing that should be mended?
    """
    return not any(finding.verdict in _BAD for finding in findings)


def asText(findings: Sequence[Finding]) -> str:
    """
    :returns: a line for each, and below it what mends it.
    """
    rows = [(finding.verdict.value, finding.check, finding.text) for finding in findings]
    lines = []
    for line, finding in zip(aligned(rows).split("\n"), findings, strict=True):
        lines.append(line)
        if finding.remedy:
            lines.append(f"    {finding.remedy}")
    return "\n".join(lines)


def asJSON(findings: Sequence[Finding]) -> str:
    """
    :returns: the same for programs.
    """
    found = [
        {
            "check": finding.check,
            "verdict": finding.verdict.value,
            "text": finding.text,
            "remedy": finding.remedy or None,
        }
        for finding in findings
    ]
    document = {"format": FORMAT, "isSound": isSound(findings), "findings": found}
    return json.dumps(document, indent=2)
