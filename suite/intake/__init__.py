"""Submissions: their format, the rules they are held to, their archive, and how one becomes a strategy."""
