"""Gradio's controls in the colours and type of the page: every colour is a variable of `blocks.css`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suite.figures.theme import FONTS

if TYPE_CHECKING:
    import gradio as gr

MONOSPACE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

_COLOURS = {
    "body_background_fill": "--paper",
    "body_text_color": "--ink",
    "body_text_color_subdued": "--soft",
    "background_fill_primary": "--paper",
    "background_fill_secondary": "--raised",
    "border_color_primary": "--line",
    "border_color_accent": "--link",
    "color_accent_soft": "--row",
    "block_background_fill": "--paper",
    "block_border_color": "--line",
    "block_label_text_color": "--soft",
    "block_title_text_color": "--soft",
    "block_info_text_color": "--soft",
    "input_background_fill": "--paper",
    "input_background_fill_focus": "--paper",
    "input_border_color": "--line",
    "input_border_color_focus": "--link",
    "input_placeholder_color": "--soft",
    "checkbox_background_color": "--paper",
    "checkbox_background_color_selected": "--link",
    "checkbox_border_color": "--soft",
    "checkbox_border_color_selected": "--link",
    "checkbox_label_text_color": "--ink",
    "checkbox_label_background_fill": "--paper",
    "link_text_color": "--link",
    "panel_background_fill": "--paper",
}


def theme() -> gr.themes.Base:
    """The theme: system fonts, no shadow, and one set of colour variables for light and dark alike."""
    import gradio as gr

    made = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.gray,
        text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_sm,
        font=[name.strip().strip('"') for name in FONTS.split(",")],
        font_mono=list(MONOSPACE),
    )
    colours = {name: f"var({variable})" for name, variable in _COLOURS.items()}
    # The variables themselves change with the mode, so the dark theme says the same.
    dark = {f"{name}_dark": value for name, value in colours.items()}
    return made.set(
        **colours,
        **dark,
        color_accent="var(--link)",
        block_shadow="none",
        block_shadow_dark="none",
        input_shadow="none",
        input_shadow_dark="none",
        input_shadow_focus="none",
        input_shadow_focus_dark="none",
        block_border_width="0px",
        input_border_width="1px",
        input_border_width_dark="1px",
        block_border_width_dark="0px",
    )
