"""
``python -m pyptwist`` is ``pyptwist``.
"""

from __future__ import annotations

from pyptwist.main import main

if __name__ == "__main__":
    main()
