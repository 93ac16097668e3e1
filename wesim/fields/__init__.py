"""Templates and what their fields take: the public library, and checking the data of a message."""
