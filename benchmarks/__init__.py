"""What things cost, each beside another way of doing it, measured in one process."""
