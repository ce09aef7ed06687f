"""
The pluggable transport IPC: how a parent and a child process talk.
"""
