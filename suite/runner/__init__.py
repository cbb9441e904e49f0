"""The runner: cells -> stages (select, train, evaluate, record), cached, resumable and shared between processes."""
