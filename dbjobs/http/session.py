"""A session over HTTP: certificates, proxies, timeouts, and the errors of failed connections.

All requests of dbjobs are sent here. Redirects are never followed, since they would receive the
credentials, and a session always has an auth object, since without one requests would use
credentials from `.netrc`.
"""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from requests.utils import get_environ_proxies, select_proxy

from dbjobs import __version__
from dbjobs.common.deadline import seconds_left
from dbjobs.errors import ConfigError, DbjobsError, NotTheApiError, UnreachableError, UnsentError
from dbjobs.http.connections import MAX_CONNECT_SECONDS, Exchange, ExchangeAdapter
from dbjobs.http.response import RawResponse

USER_AGENT = f"dbjobs/{__version__} python/{platform.python_version()} os/{platform.system().lower()}"
CONNECT_TIMEOUT = 10.0
"""Seconds for each address of a host."""

REQUEST_TIMEOUT = 60.0
"""Seconds for one request and its whole response; less where a time limit is in force."""

MAX_RESPONSE_BYTES = 256 * 1024 * 1024
"""Jobs API 2.0 lists all jobs of a workspace in one response, up to 12,000 of them."""

READ_BYTES = 65_536

BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Network:
    """How to reach a host, by the profile, or else by the environment."""

    ca_bundle: str | None = None
    """the certificates to trust, instead of the default ones and those in REQUESTS_CA_BUNDLE"""
    client_cert: str | None = None
    client_key: str | None = None
    """unless it is in the file of the certificate"""

    @property
    def certificate(self) -> str | tuple[str, str] | None:
        """The client certificate, as requests takes it."""
        if self.client_cert and self.client_key:
            return self.client_cert, self.client_key
        return self.client_cert

    @property
    def trusted(self) -> str:
        """Where the trusted certificates come from."""
        variable = next((name for name in BUNDLE_VARIABLES if os.environ.get(name)), None)
        if self.ca_bundle:
            return f"ca_bundle ({self.ca_bundle})"
        return f"{variable} ({os.environ[variable]})" if variable else "the default certificate authorities"

    @property
    def trust_hint(self) -> str:
        return (
            f"its certificate was checked against {self.trusted}; if a proxy of your company signs the "
            "traffic, name its certificates in ca_bundle of the profile, or in REQUESTS_CA_BUNDLE"
        )

    @property
    def client_cert_hint(self) -> str:
        given = f"is {self.client_cert}" if self.client_cert else "names none"
        return f"client_cert of the profile {given}; it takes a file with certificate and key"


class NoAuth(AuthBase):
    """Sends no credentials, not even those in `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class HttpSession:
    """Sends requests. Not to be shared between threads."""

    def __init__(
        self, auth: AuthBase | None = None, network: Network | None = None, *, is_direct: bool = False
    ) -> None:
        """`is_direct`: without any proxy, for services on this machine."""
        self._network = network or Network()
        self._session = requests.Session()
        self._session.auth = auth or NoAuth()
        self._session.trust_env = not is_direct
        self._exchange = Exchange()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, ExchangeAdapter(self._exchange))
        self._session.headers["User-Agent"] = USER_AGENT
        self._settings: dict[tuple[str, str], dict[str, Any]] = {}
        """proxies and certificates by host: looking them up takes as long as the rest of a request"""

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawResponse:
        """The response, whatever its status; a DbjobsError if there is none. A mapping is sent as a form.

        It ends with the earliest time limit (see `dbjobs.common.deadline`), and after REQUEST_TIMEOUT.
        """
        exchange = self._exchange
        exchange.was_sent = False
        seconds = REQUEST_TIMEOUT
        try:
            request = self._session.prepare_request(
                requests.Request(method, url, params=query, data=data or {}, headers=headers)
            )
            seconds = min(REQUEST_TIMEOUT, seconds_left())
            if seconds <= 0:
                raise UnsentError(f"the time limit passed before {_host_of(url)} could be asked")
            exchange.begin(seconds)
            origin = urlsplit(url)[:2]
            if origin not in self._settings:  # REQUESTS_CA_BUNDLE would replace `verify` of the session
                self._settings[origin] = {
                    **self._session.merge_environment_settings(
                        url, {}, True, self._network.ca_bundle, self._network.certificate
                    )
                }
            with self._session.send(
                request,
                timeout=(min(CONNECT_TIMEOUT, seconds), REQUEST_TIMEOUT),
                allow_redirects=False,
                **self._settings[origin],
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(READ_BYTES):
                    body += chunk
                    if len(body) > MAX_RESPONSE_BYTES:
                        megabytes = MAX_RESPONSE_BYTES // 1024**2
                        raise UnreachableError(
                            f"the answer of {_host_of(url)} is larger than {megabytes} MB",
                            hint="request less at a time",
                            is_retryable=False,
                        )
        except requests.RequestException as error:
            raise _explain_failure(error, url, self._network, seconds, was_sent=exchange.was_sent) from None
        except OSError as error:  # of requests, where a file of certificates is not there
            raise ConfigError(
                f"cannot read the certificates of {self._network.trusted}: {_cause(error)}",
                hint=_TRUST_HINT,
            ) from None
        return RawResponse(response.status_code, response.reason or "", response.headers, bytes(body))

    @property
    def was_sent(self) -> bool:
        """Whether a part of the latest request was sent, so that it may have had an effect."""
        return self._exchange.was_sent


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


_HOST_HINT = "check the host, the network and the proxy settings"
_PROXY_HINT = "check HTTPS_PROXY; NO_PROXY lists the hosts that are reached without a proxy"
_TRUST_HINT = "REQUESTS_CA_BUNDLE, or ca_bundle in the profile, names a file of certificates to trust"
_EOF_HINT = "a server that requires a client certificate may end a connection this way; client_cert names one"
_INVALID = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)
_TLS_NOISE = re.compile(r"\[(SSL|X509)[^]]*\] | \(_ssl\.c:\d+\)")
_ASKS_FOR_CERTIFICATE = re.compile(r"alert .*(certificate|unknown ca|handshake failure|access denied)")


def _explain_failure(
    error: requests.RequestException, url: str, network: Network, seconds: float, *, was_sent: bool
) -> DbjobsError:
    """The error that says why there is no response; an UnsentError if nothing was sent.

    `seconds`: how long the request and its response were allowed to take.
    """
    host, cause = _host_of(url), _cause(error)
    is_eof = "SSLEOFError" in repr(error)
    is_timeout = isinstance(error, requests.exceptions.Timeout) or cause == "timed out"
    if isinstance(error, _INVALID) and not was_sent:
        return NotTheApiError(f"{host} cannot be reached: the URL is not valid", hint=_HOST_HINT)
    hint: str | None = _EOF_HINT if is_eof else None
    is_retryable = True
    if "SSL" in repr(error) and _ASKS_FOR_CERTIFICATE.search(cause):
        message = f"{host} requires a client certificate: {cause}"
        hint, is_retryable = network.client_cert_hint, False
    elif was_sent and is_timeout:
        message, hint = f"no complete answer from {host} within {seconds:.0f} s", None
    elif was_sent and isinstance(error, _INVALID):
        message, hint = f"the headers of the answer of {host} are not valid", _HOST_HINT
    elif was_sent:
        message = f"the connection to {host} broke: {cause}"
    elif isinstance(error, requests.exceptions.SSLError) and not is_eof:
        message = f"no trusted connection to {host}: {cause}"
        hint, is_retryable = network.trust_hint, False
    elif isinstance(error, requests.exceptions.ProxyError):
        message, hint = f"cannot reach {host} through the proxy {proxy_of(url)}: {cause}", _PROXY_HINT
    else:
        cause = f"no connection within {min(seconds, MAX_CONNECT_SECONDS):.0f} s" if is_timeout else cause
        message, hint = f"cannot reach {host}: {cause}", hint or _HOST_HINT
    kind = UnreachableError if was_sent else UnsentError
    return kind(message, hint=hint, is_retryable=is_retryable)


def proxy_of(url: str) -> str:
    """The proxy for a host, without the password that its address may have; '' if there is none."""
    proxy = select_proxy(url, get_environ_proxies(url))
    return urlsplit(proxy).netloc.rpartition("@")[2] if proxy else ""


def _cause(error: BaseException | None) -> str:
    """The innermost reason of a chain of exceptions: `Connection refused` and the like."""
    reason = "the connection was lost"
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            reason = error.strerror or str(error) or reason
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        inner = inner or next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        error = inner if isinstance(inner, BaseException) else None
    return _TLS_NOISE.sub("", reason)
