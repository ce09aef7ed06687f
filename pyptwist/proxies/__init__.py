"""
The local SOCKS server side, and clients of upstream proxies.
"""
