"""What comes in and what goes out: the gate of every call, pages for browsers, pushes, header names, the log."""
