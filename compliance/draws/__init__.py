"""An officer draws ids of an erasure at random and sees what each verifier says of them, word for word."""
