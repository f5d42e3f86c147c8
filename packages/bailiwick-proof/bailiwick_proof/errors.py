"""The two ways in which evidence fails."""


class Malformed(ValueError):
    """The bytes are not of the format they are offered as."""


class Unproven(ValueError):
    """Well formed, but it does not prove what it is offered for."""
