"""What is raised before anything is sent, because of an argument."""

from __future__ import annotations

from typing import Sequence


class ParameterRequiredError(Exception):
    """Raised when an argument is missing."""

    def __init__(self, parameter_name: str, parent_name: str) -> None:
        super().__init__(parameter_name, parent_name)
        self.parameter_name = parameter_name
        self.parent_name = parent_name

    def __str__(self) -> str:
        return f"{self.parameter_name} is required in {self.parent_name}"


class ParameterValueNotAllowedError(Exception):
    """Raised when an argument has a value that the service does not know."""

    def __init__(self, parameter_name: str, parameter_value: object, allowed_values: Sequence[str]) -> None:
        super().__init__(parameter_name, parameter_value, allowed_values)
        self.parameter_name = parameter_name
        self.parameter_value = parameter_value
        self.allowed_values = list(allowed_values)

    def __str__(self) -> str:
        allowed = ", ".join(self.allowed_values)
        return f"{self.parameter_name} value {self.parameter_value} is not allowed, should be one of {allowed}"
