"""Once a month a made-up person is erased in every sandbox, to see that the whole machine works."""
