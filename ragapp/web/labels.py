"""Which words stand on which component, so that a switch of language can change them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ragapp.untyped import Component
from ragapp.words.interface import Strings

Wording = Callable[[Strings], dict[str, Any]]


class Labels:
    """Collects components with the properties that hold words, while the page is built."""

    def __init__(self, strings: Strings) -> None:
        self.first = strings
        self._bound: list[tuple[Any, Wording]] = []

    def bind(self, component: Component, wording: Wording) -> Component:
        """Remember a component and give it its first words; returns it."""
        for name, value in wording(self.first).items():
            setattr(component, name, value)
        self._bound.append((component, wording))
        return component

    def components(self) -> list[Any]:
        """Return the components, in the order of ``updates``."""
        return [component for component, _ in self._bound]

    def updates(self, strings: Strings) -> list[dict[str, Any]]:
        """Return what changes each component to a language."""
        import gradio as gr

        return [gr.update(**wording(strings)) for _, wording in self._bound]
