"""
Replicant: a toneburst, which is the beginning of some common protocol, in clear; then a
polish, which encrypts; then payload.  Either may be missing.
"""
