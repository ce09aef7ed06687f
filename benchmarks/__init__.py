"""
Comparing pluggable transports on one machine: ``python -m benchmarks.compare --help``.
"""
