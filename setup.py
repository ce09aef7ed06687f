"""
How pyptwist is packaged.

Twisted finds plugins in any ``twisted/plugins`` directory on ``sys.path`` that
holds no ``__init__.py``.  Hence two decisions below: that directory is packaged
as it is, so that removing pyptwist removes its one file there and nothing of
Twisted's; and ``package_dir`` is spelled out, because then an editable install
puts this directory on ``sys.path``.  Without it, setuptools would install an
import hook, which Twisted's search knows nothing of.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def version() -> str:
    """
    Read the version without importing the package, whose dependencies may not
    be installed yet.
    """
    text = (HERE / "pyptwist" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise RuntimeError("pyptwist/__init__.py states no version")
    return found.group(1)


# Why each one is needed stands in doc/design/dependencies.rst.
DEPENDENCIES = [
    "cryptography>=44",
    "h11>=0.14",
    # Of the releases for Python 3.11, this is the newest that needs no compiler.
    'pymonocypher==4.0.3.2; python_version < "3.12"',
    'pymonocypher>=4.0.3.5; python_version >= "3.12"',
    "pynacl>=1.5",
    "pyopenssl>=24",
    "service-identity>=24.1",
    "siphash24>=1.6",
    "twisted>=24.10",
    "zope.interface>=6",
]

EXTRAS = {
    "plot": ["matplotlib>=3.8"],
    "test": [
        "coverage>=7",
        "hypothesis>=6.100",
        "matplotlib>=3.8",
        "ptadapter>=3.0.1",
        "scipy>=1.11",
        "setuptools>=70.1",
    ],
    # What the checkers find changes with their releases.
    "dev": [
        "build>=1.2",
        "mypy==2.4.1",
        "mypy-zope==1.0.17",
        "ruff==0.17.6",
        "sphinx>=8",
        "towncrier>=24.8",
    ],
}

setup(
    name="pyptwist",
    version=version(),
    description="Pluggable transports for Twisted: a framework, a tor child, and the obfs family",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    author="The pyptwist authors",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Internet :: Proxy Servers",
        "Topic :: Security",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    package_dir={"": "."},
    packages=[*find_packages(include=["pyptwist", "pyptwist.*"]), "twisted.plugins"],
    package_data={
        "pyptwist": ["py.typed"],
        "pyptwist.scaffold": [
            "template/*.rst",
            "template/*.toml",
            "template/gitignore",
            "template/**/*.py",
            "template/**/py.typed",
        ],
    },
    install_requires=DEPENDENCIES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["pyptwist = pyptwist.main:main"]},
    zip_safe=False,  # Twisted reads plugins from directories.
)
