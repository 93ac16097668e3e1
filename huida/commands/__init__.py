"""The command line's verbs; `huida.cli` gives them their names and options."""
