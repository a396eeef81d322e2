"""A place on the page that holds HTML of ours."""

from __future__ import annotations

import gradio as gr


def html_pane(elem_id: str, value: str = "", js_on_load: str | None = None) -> gr.HTML:
    """Make a component that shows HTML as it is, without Gradio's styles and click handler."""
    return gr.HTML(value, elem_id=elem_id, js_on_load=js_on_load, apply_default_css=False)
