"""
shadow: Shadowsocks' encrypted stream without its address header, and DarkStar, which
is that stream behind a handshake with keys that are forgotten.
"""
