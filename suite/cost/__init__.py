"""What cells cost: floating-point operations, tokens, memory, disk and GPU-hours, reckoned before anything is spent."""
