"""The report of a track: one HTML file that needs no network, good enough to attach to a paper."""
