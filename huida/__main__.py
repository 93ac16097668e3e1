"""`python -m huida` is the command `huida`."""

from huida.cli import main

main()
