"""The sandbox in which the board runs code that strangers sent: see `isolation` for what holds it, `child` for what
runs inside, `supervise` for who watches it, and `selecting` for how a submission's picks come out."""
