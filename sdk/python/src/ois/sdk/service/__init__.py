"""The service, under the names that it had."""
