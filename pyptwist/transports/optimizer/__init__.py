"""
Optimizer: one of several transports, chosen anew for each connection.
"""
