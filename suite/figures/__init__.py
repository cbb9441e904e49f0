"""Figures of boards and studies in one visual language; plotly is loaded by the modules that draw."""
