"""What the exporter says when it cannot go on."""


class Refused(Exception):
    """What was wrong, where, and what to do; shown to the user as it is."""
