"""
webtunnel: a web server that, on a secret path, becomes a tunnel.
"""
