"""The embedded demo data: drawn faces that act seven emotions, made on this machine from a seed."""

from dataloaders.demo.expression import CLASSES
from dataloaders.demo.generate import DemoSize, generate_demo

__all__ = ["CLASSES", "DemoSize", "generate_demo"]
