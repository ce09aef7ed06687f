from setuptools import setup

setup(
    name="veil",
    version="1.0",
    install_requires=["pyptwist", "cryptography"],
    py_modules=["veil"],
    packages=["twisted.plugins"],
    package_dir={"": "."},
)
