"""What main.py can be asked to do, each a function of its words."""
