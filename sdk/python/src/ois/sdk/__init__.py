"""The interface of ois-sdk 1.0: programs written for it run unchanged."""

__version__ = "2.0.0"
