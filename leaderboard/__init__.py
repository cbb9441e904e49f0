"""The public page: reads prepared tables of a store, and shows who wins, by how much, and how sure that is."""
