"""What callers send, before anything believes it: strict bodies, clean texts, versions, turns for expensive work."""
