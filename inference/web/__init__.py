"""The web page of a run, on this machine alone."""
