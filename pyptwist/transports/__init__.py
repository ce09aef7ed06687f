"""
The transport methods: one module or package each.
"""
