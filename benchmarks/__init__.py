"""
Comparing pluggable transports on one machine: C{python -m benchmarks.compare --help}.
"""
