"""The documentation's site: pages made from the registry, the tracks, the records and the command, and how it looks.

`make docs` builds it with mkdocs and the Material theme from `mkdocs.yml` beside this file: pages written by hand lie
in `docs/`, all others are made by `hooks.py` while the site is built, so that none can fall behind the code. Nothing in
the site asks another machine for anything: formulas are MathML, fonts are the system's.
"""
