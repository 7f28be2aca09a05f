"""OIS object storage for Python."""
