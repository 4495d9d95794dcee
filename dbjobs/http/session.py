"""One exchange over HTTP: certificates, proxies, time-outs, and what a failed connection means.

Everything that dbjobs sends goes through here. Redirects are never followed, since
credentials would travel along, and a session always has an auth object, since without one
an entry of `.netrc` would step in.
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
"""Seconds for one request and the whole of its answer; less where a time limit is in force."""

MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""Jobs API 2.0 lists all jobs of a workspace in one answer; it has room for 12,000 of them."""

READ_BYTES = 65_536

BUNDLE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Network:
    """How a profile wants a host to be reached; without a word, as the environment says."""

    ca_bundle: str | None = None
    """the certificates to trust, instead of the usual ones and of REQUESTS_CA_BUNDLE"""
    client_cert: str | None = None
    client_key: str | None = None
    """unless it stands in the file of the certificate"""

    @property
    def certificate(self) -> str | tuple[str, str] | None:
        """The client's own, as requests wants it."""
        if self.client_cert and self.client_key:
            return self.client_cert, self.client_key
        return self.client_cert

    @property
    def trusted(self) -> str:
        """Where the certificates to trust come from."""
        variable = next((name for name in BUNDLE_VARIABLES if os.environ.get(name)), None)
        if self.ca_bundle:
            return f"ca_bundle ({self.ca_bundle})"
        return f"{variable} ({os.environ[variable]})" if variable else "the usual authorities"

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
    """Sends no credentials, and keeps `.netrc` from sending any."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class HttpSession:
    """A session over HTTP. Not to be shared between threads."""

    def __init__(
        self, auth: AuthBase | None = None, network: Network | None = None, *, is_direct: bool = False
    ) -> None:
        """`is_direct`: past all proxies, for what is on this machine."""
        self._network = network or Network()
        self._session = requests.Session()
        self._session.auth = auth or NoAuth()
        self._session.trust_env = not is_direct
        self._exchange = Exchange()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, ExchangeAdapter(self._exchange))
        self._session.headers["User-Agent"] = USER_AGENT
        self._ways: dict[tuple[str, str], dict[str, Any]] = {}

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        data: bytes | Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawResponse:
        """What came back, whatever its status; a DbjobsError if nothing did. A mapping goes as a form.

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
            with self._session.send(
                request,
                timeout=(min(CONNECT_TIMEOUT, seconds), REQUEST_TIMEOUT),
                allow_redirects=False,
                **self._ways_to(url),
            ) as response:
                body = _read_body(response)
        except requests.RequestException as error:
            raise _Failure(error, url, self._network, seconds, exchange.was_sent).explain() from None
        except OSError as error:  # of requests, where a file of certificates is not there
            raise ConfigError(
                f"cannot read the certificates of {self._network.trusted}: {_cause(error)}",
                hint=_TRUST_HINT,
            ) from None
        return RawResponse(response.status_code, response.reason or "", response.headers, body)

    @property
    def was_sent(self) -> bool:
        """Whether the first byte of the latest request has left: if so, it may have had an effect."""
        return self._exchange.was_sent

    def _ways_to(self, url: str) -> dict[str, Any]:
        """Proxies and certificates for a host, looked up once: it takes as long as all else in a request."""
        host = urlsplit(url)[:2]
        if host not in self._ways:
            # of the session's own `verify`, REQUESTS_CA_BUNDLE would take the place
            self._ways[host] = {
                **self._session.merge_environment_settings(
                    url, {}, True, self._network.ca_bundle, self._network.certificate
                )
            }
        return self._ways[host]


def _read_body(response: requests.Response) -> bytes:
    """The whole body, unless it is too large; the exchange bounds how long it may take."""
    body = bytearray()
    for piece in response.iter_content(READ_BYTES):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise UnreachableError(
                f"the answer of {_host_of(response.url)} is larger than {MAX_ANSWER_BYTES // 1024**2} MB",
                hint="ask for less at once",
                is_retryable=False,
            )
    return bytes(body)


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


_HOST_HINT = "check the host, the network and the proxy settings"
_PROXY_HINT = "check HTTPS_PROXY; NO_PROXY lists the hosts that are reached without a proxy"
_TRUST_HINT = "REQUESTS_CA_BUNDLE, or ca_bundle in the profile, names a file of certificates to trust"
_EOF_HINT = "a server that wants a certificate of yours may end a connection so; client_cert names one"
_INVALID = (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)
_TLS_NOISE = re.compile(r"\[(SSL|X509)[^]]*\] | \(_ssl\.c:\d+\)")
_ASKS_FOR_CERTIFICATE = re.compile(r"alert .*(certificate|unknown ca|handshake failure|access denied)")


@dataclass(frozen=True)
class _Failure:
    """An exchange that failed: what requests made of it, and what we know besides."""

    error: requests.RequestException
    url: str
    network: Network
    seconds: float
    """how long it was allowed to take"""
    was_sent: bool

    def explain(self) -> DbjobsError:
        """The error in words that name the cause and no internals; an UnsentError if nothing was sent."""
        error, host, cause = self.error, _host_of(self.url), _cause(self.error)
        is_tls = "SSL" in repr(error)
        if isinstance(error, _INVALID) and not self.was_sent:
            return NotTheApiError(f"{host} cannot be asked: the URL is not valid", hint=_HOST_HINT)
        if is_tls and _ASKS_FOR_CERTIFICATE.search(cause):
            wish = f"{host} wants a certificate of yours: {cause}"
            return self._unusable(wish, self.network.client_cert_hint)
        if self.was_sent:
            return self._explain_sent(host, cause, is_eof="SSLEOFError" in repr(error))
        if isinstance(error, requests.exceptions.SSLError) and "SSLEOFError" not in repr(error):
            return self._unusable(f"no trusted connection to {host}: {cause}", self.network.trust_hint)
        if isinstance(error, requests.exceptions.ProxyError):
            proxy = proxy_of(self.url)
            return UnsentError(f"cannot reach {host} through the proxy {proxy}: {cause}", hint=_PROXY_HINT)
        if isinstance(error, requests.exceptions.Timeout) or cause == "timed out":
            cause = f"no connection within {min(self.seconds, MAX_CONNECT_SECONDS):.0f} s"
        hint = _EOF_HINT if "SSLEOFError" in repr(error) else _HOST_HINT
        return UnsentError(f"cannot reach {host}: {cause}", hint=hint)

    def _unusable(self, message: str, hint: str) -> UnreachableError:
        """What another try would not change."""
        kind = UnreachableError if self.was_sent else UnsentError
        return kind(message, hint=hint, is_retryable=False)

    def _explain_sent(self, host: str, cause: str, *, is_eof: bool) -> UnreachableError:
        if isinstance(self.error, requests.exceptions.Timeout) or cause == "timed out":
            return UnreachableError(f"no complete answer from {host} within {self.seconds:.0f} s")
        if isinstance(self.error, _INVALID):
            return UnreachableError(f"the headers of the answer of {host} are not valid", hint=_HOST_HINT)
        hint = _EOF_HINT if is_eof else None
        return UnreachableError(f"the connection to {host} broke: {cause}", hint=hint)


def proxy_of(url: str) -> str:
    """The proxy on the way to a host, without the password that may stand in its address; '' if none."""
    proxy = select_proxy(url, get_environ_proxies(url))
    return urlsplit(proxy).netloc.rpartition("@")[2] if proxy else ""


def _cause(error: BaseException | None) -> str:
    """The innermost reason of a chain of exceptions: `Connection refused` and the like."""
    words = "the connection was lost"
    while error is not None:
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
            words = error.strerror or str(error) or words
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        inner = inner or next((part for part in error.args if isinstance(part, BaseException)), None)
        error = inner if isinstance(inner, BaseException) else None
    return _TLS_NOISE.sub("", words)
