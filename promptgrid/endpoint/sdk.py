"""The slow and interactive way to an endpoint: the openai SDK, imported when first needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from promptgrid.endpoint import faults, headers, refusals
from promptgrid.endpoint.replies import bad_reply
from promptgrid.endpoint.settings import EndpointSettings
from promptgrid.errors import EndpointError

if TYPE_CHECKING:
    import openai


def client(settings: EndpointSettings) -> openai.AsyncOpenAI:
    """A client without retries.

    Raises EndpointError for a key or header that cannot be sent (auth), and certificates that cannot be read.
    """
    headers.check(settings)
    import openai

    extra: dict[str, Any] = dict(settings.headers)
    if not settings.is_openai:  # the SDK would tell OPENAI_ORG_ID and OPENAI_PROJECT_ID to everybody
        extra = {"OpenAI-Organization": openai.omit, "OpenAI-Project": openai.omit, **extra}
    if settings.is_direct:  # costs nothing here, and a kept connection that the server has just closed is a lost call
        extra["Connection"] = "close"
    try:
        return openai.AsyncOpenAI(
            api_key=settings.api_key or headers.KEYLESS,
            base_url=settings.base_url,
            max_retries=0,
            timeout=openai.Timeout(settings.timeout_s, connect=settings.connect_s),
            default_headers=extra,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if settings.is_direct else None,
        )
    except OSError as error:
        raise faults.unread_certificates(error) from None
    except (ValueError, ImportError) as error:  # a proxy of the environment that the SDK cannot use
        raise faults.unreachable(error, settings) from None


@contextmanager
def errors_told(settings: EndpointSettings, model: str, heard: Sequence[str] = ()) -> Iterator[None]:
    """Turns every error into an EndpointError; `heard` collects the text that has arrived.

    `from None`, since the SDK's own error quotes the server, and the server may quote the key.
    """
    import openai

    try:
        yield
    except EndpointError as error:
        faults.redact(error, settings)
        raise
    except openai.APIError as error:
        raise _told(error, settings, model, "".join(heard)) from None
    except TimeoutError:
        raise faults.timed_out(settings, "".join(heard)) from None
    except UnicodeEncodeError as error:
        raise faults.unsendable_text(error) from None
    except ValueError as error:  # a stream's event that is no JSON, or no UTF-8
        message = f"{settings.name} sent an event that cannot be read: {error}."
        raise bad_reply(message, faults.redacted("".join(heard), settings)) from None


def _told(error: openai.APIError, settings: EndpointSettings, model: str, partial: str) -> EndpointError:
    import httpx2
    import openai

    if isinstance(error, openai.APITimeoutError):
        unconnected = isinstance(error.__cause__, httpx2.ConnectTimeout)
        return faults.no_connection(settings) if unconnected else faults.timed_out(settings, partial)
    if isinstance(error, openai.APIConnectionError):
        return faults.broken(error, settings, partial) if partial else faults.unreachable(error, settings)
    if isinstance(error, openai.APIStatusError):
        return refusals.told(error.status_code, error.body, error.response.headers, settings, model)
    return refusals.told_in_stream(error.body, settings, partial)
