"""The `breadth` command, one file a verb: parsing and printing only."""
