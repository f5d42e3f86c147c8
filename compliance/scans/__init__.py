"""Once a quarter every account is searched for stores that nobody listed, and somebody signs for what was found."""
