"""
Objects that remember one of their own methods: the state that they are in.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any


class OwnMethod:
    """
    An attribute whose value is a method of the object that has it.

    A bound method in a plain attribute is a reference to its own object, so that
    this waits for the garbage collector when it is over.  Here the function alone
    is kept, and bound whenever somebody asks::

        class Door:
            state = OwnMethod()

            def __init__(self) -> None:
                self.state = self.opened

            def opened(self) -> bool:
                self.state = self.closed
                return True
    """

    __slots__ = ("_name",)

    def __set_name__(self, owner: type, name: str) -> None:
        # Not in __dict__, which is made, for most objects, when somebody asks for it.
        self._name = f"_{name}Function"

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[[], bool]:
        return MethodType(getattr(instance, self._name), instance)

    def __set__(self, instance: Any, method: Callable[[], bool]) -> None:
        if not isinstance(method, MethodType) or method.__self__ is not instance:
            raise TypeError("only a method of the object itself can be its state")
        setattr(instance, self._name, method.__func__)
