"""The books: the same facts give the same result, to the cent and the point, in any order and any cut."""
