"""Where the service is, and the keys to it."""

from __future__ import annotations

import logging
import os
import sys
from typing import IO, Any, Dict, Mapping, Optional, Union

from . import endpoint as endpoints
from .session import Timeout

DEFAULT_TIMEOUT = 60.0  # seconds

_DEFAULTS: Dict[str, Any] = {
    "access_key_id": "",
    "secret_access_key": "",
    "host": "jn1.is.shanhe.com",
    "port": 443,
    "protocol": "https",
    "connection_retries": 3,
    "timeout": DEFAULT_TIMEOUT,
    "log_level": "warn",
    "enable_virtual_host_style": False,
    "zone": "",
    "endpoint": "",
}

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}


class Config:
    """The configuration of a service.

    What is given here goes before the environment (OIS_ACCESS_KEY_ID, OIS_HOST and so on), that before
    the file ($OIS_CONFIG_PATH, or ~/.ois/config.yaml), and that before the defaults. All attributes may
    be set afterwards. Without keys requests are anonymous.

    Attributes:
        access_key_id: Id of the access key.
        secret_access_key: The secret of the access key.
        host: Host name of the service, without a zone.
        port: Its port.
        protocol: "https" or "http".
        endpoint: The three in one, such as "https://is.shanhe.com"; to set it sets them.
        zone: Zone of buckets that are named without one.
        connection_retries: How often a request that failed is sent again.
        timeout: Seconds to wait for a connection, and for each piece of an answer. 0 is the default of 60,
            None is for ever.
        log_level: What the logger "ois-sdk" passes on.
        enable_virtual_host_style: Whether the bucket is in the host name instead of the path.
    """

    access_key_id: str
    secret_access_key: str
    host: str
    port: int
    protocol: str
    connection_retries: int
    timeout: Optional[float]
    log_level: str
    enable_virtual_host_style: bool
    zone: str

    def __init__(self, access_key_id: str = "", secret_access_key: str = "") -> None:
        self.logger = logging.getLogger("ois-sdk")
        self._endpoint = ""
        self.load_config()
        if access_key_id or secret_access_key:
            self.access_key_id = access_key_id
            self.secret_access_key = secret_access_key

    def __repr__(self) -> str:
        return f"<Config {self.access_key_id!r}>"

    @property
    def endpoint(self) -> str:
        """Address of the service, or "" if it was given by its parts."""
        return self._endpoint

    @endpoint.setter
    def endpoint(self, value: str) -> None:
        self._endpoint = value or ""
        if value:
            self.protocol, self.host, self.port = endpoints.parse(value)

    def set_log_level(self) -> None:
        """Make the logger "ois-sdk" pass on what log_level says. Handlers are the program's business."""
        self.logger.setLevel(_LEVELS.get(str(self.log_level).lower(), logging.WARNING))

    def request_timeout(self) -> Timeout:
        """Return the timeout as requests wants it."""
        if self.timeout is None:
            return None
        return float(self.timeout) or DEFAULT_TIMEOUT

    def get_user_config_file_path(self) -> str:
        """Return where the configuration file of the user is looked for."""
        home = os.environ.get("HOME", "")
        if sys.platform == "win32":
            home = os.environ.get("HOMEDRIVE", "") + os.environ.get("HOMEPATH", "") or os.environ.get("USERPROFILE", "")
        return os.path.join(home or os.path.expanduser("~"), ".ois", "config.yaml")

    def load_config(self) -> Config:
        """Take the defaults, then the file, then the environment."""
        self.load_default_config()
        self.load_user_config()
        return self.load_from_env()

    def load_config_from_data(self, data: Optional[Mapping[str, Any]]) -> Config:
        """Take the values of a mapping; other names become attributes as well."""
        values = dict(data or {})
        address = values.pop("endpoint", None)
        for name, value in values.items():
            setattr(self, name, _typed(name, value))
        if address is not None:
            self.endpoint = address
        self.set_log_level()
        return self

    def load_default_config(self) -> Config:
        """Take the defaults."""
        return self.load_config_from_data(_DEFAULTS)

    def load_user_config(self) -> Config:
        """Take the configuration file of the user, if there is one."""
        named = os.environ.get("OIS_CONFIG_PATH")
        path = named or self.get_user_config_file_path()
        if os.path.exists(path):
            self.load_config_from_filepath(path)
        return self

    def load_config_from_filepath(self, filepath: Union[str, os.PathLike[str]]) -> Config:
        """Take a YAML file."""
        with open(filepath, encoding="utf-8") as f:
            data = _read_yaml(f)
        if data is not None and not isinstance(data, dict):
            raise ValueError(f"{filepath}: want lines such as access_key_id: KEY")
        try:
            return self.load_config_from_data(data)
        except ValueError as e:
            raise ValueError(f"{filepath}: {e}") from None

    def load_from_env(self) -> Config:
        """Take what the environment says, in variables such as OIS_ACCESS_KEY_ID."""
        found = {name: os.environ[f"OIS_{name.upper()}"] for name in _DEFAULTS if os.environ.get(f"OIS_{name.upper()}")}
        try:
            return self.load_config_from_data(found)
        except ValueError as e:
            raise ValueError(f"environment: OIS variable: {e}") from None


def _typed(name: str, value: Any) -> Any:
    """Return a value as the type of its default."""
    if name not in _DEFAULTS:
        return value
    default = _DEFAULTS[name]
    if isinstance(default, bool):
        return _boolean(name, value)
    if value is None:
        return None if name == "timeout" else default
    if isinstance(default, (int, float)):
        return _number(name, value, type(default))
    return str(value)


def _boolean(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0", "none", ""):
        return False
    raise ValueError(f"{name}: {value!r} is neither true nor false")


def _number(name: str, value: Any, kind: type) -> Any:
    try:
        number = kind(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: {value!r} is no number") from None
    low, high = (1, 65535) if name == "port" else (0, 1 << 31)
    if not low <= number <= high:
        raise ValueError(f"{name}: {value!r} is not from {low} to {high}")
    return number


def _read_yaml(f: IO[str]) -> Any:
    import yaml  # only those who have a file need it

    return yaml.safe_load(f)
