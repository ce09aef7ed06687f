"""
The configuration file: several clients and servers for one process, in TOML.
"""
