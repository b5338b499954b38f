"""The commands of main.py, each a module of its name; the others are what these are built of."""
