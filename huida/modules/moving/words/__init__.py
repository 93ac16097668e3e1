"""The words of files: titles of columns, what stands in their brackets, and what a status says."""
