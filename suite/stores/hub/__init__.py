"""The store on the Hub: results are recorded here first, published in batches, and read from a mirror."""
