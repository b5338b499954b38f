"""The embedded demo data of the text task: Vietnamese phone reviews, composed on this machine from a seed."""

from dataloaders.demo_reviews.generate import ReviewSize, generate_reviews

__all__ = ["ReviewSize", "generate_reviews"]
