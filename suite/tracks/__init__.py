"""Frozen track definitions, one TOML file each."""
