"""Uploads of large files."""
