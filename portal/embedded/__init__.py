"""The embedded runtime: every store and process of the product on one machine, supervised, by command line only."""
