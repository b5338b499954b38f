"""What is fast, measured side by side with the straightforward way."""
