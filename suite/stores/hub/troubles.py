"""What went wrong between us and the Hub, in one sentence that says what to do, and whether waiting helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from suite.errors import HubRefused, HubUnavailable, StoreError


@dataclass(frozen=True)
class Trouble:
    """A failed call: its sentence, and what may be done about it."""

    sentence: str
    passing: bool = False
    """Waiting and asking again may help."""
    ours: bool = False
    """Somebody here has to act: a token, a name, a permission."""
    conflict: bool = False
    """Somebody else committed in between."""
    asked_wait: float | None = None
    """Seconds the Hub asked us to wait."""

    def error(self) -> StoreError:
        """The error to raise when nothing more is tried."""
        return HubRefused(self.sentence) if self.ours else HubUnavailable(self.sentence)


def diagnose(error: Exception, url: str) -> Trouble | None:
    """What a failed call to the repository at `url` means; None when it is none of the Hub's business."""
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    # The client wraps what really happened, sometimes twice.
    for cause in _causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return Trouble(
                f"{url} was not asked: HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set. Unset it and try again."
            )
        if isinstance(cause, LocalTokenNotFoundError):
            return Trouble(
                f"You are not signed in, and {url} asks for it: run `hf auth login`, or set HF_TOKEN.", ours=True
            )
        if isinstance(cause, HfHubHTTPError):
            return _answered(cause, url)
        if isinstance(cause, httpx.TimeoutException):
            return Trouble(f"{url} did not answer in time ({_host()}). Try again later.", passing=True)
        if isinstance(cause, httpx.HTTPError):
            reason = str(cause) or type(cause).__name__
            return Trouble(f"{_host()} cannot be reached for {url}: {reason}. Check the network.", passing=True)
    if isinstance(error, (RuntimeError, ValueError)) or (isinstance(error, OSError) and error.errno is None):
        # Such as a download of the wrong size, an upload that the storage behind the Hub refused, or no JSON.
        return Trouble(f"{url} answered in a way that makes no sense: {_first_line(error)}. Try again.", passing=True)
    return None


def _answered(error: Exception, url: str) -> Trouble:
    from huggingface_hub import get_token
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    assert isinstance(error, HfHubHTTPError)
    status = error.response.status_code
    said = _first_line(error.server_message or error)
    signed_in = get_token() is not None
    if isinstance(error, RepositoryNotFoundError):
        access = "your token may not see it" if signed_in else "it is private and you are not signed in"
        return Trouble(
            f"There is no {url}, or {access}. Check the name; sign in with `hf auth login` or HF_TOKEN; or create it "
            f"with `{_creating(url)}`.",
            ours=True,
        )
    if status == 401:
        advice = "The token is not valid (any more)" if signed_in else "You are not signed in"
        return Trouble(f"{url} refused: {said}. {advice}: run `hf auth login`, or set HF_TOKEN.", ours=True)
    if status == 402:
        return Trouble(f"{url} refused: {said}. The Hub wants a paid plan for this: see {_host()}/pricing.", ours=True)
    if status == 403:
        return Trouble(
            f"{url} refused: {said}. The token needs write access to it: make one at "
            f"{_host()}/settings/tokens, or ask the organisation for it.",
            ours=True,
        )
    if status == 412:
        return Trouble(f"Others kept committing to {url} in between. Try again.", passing=True, conflict=True)
    if status == 429:
        return Trouble(
            f"{url} limits how often it may be asked. Try again later.", passing=True, asked_wait=_asked_wait(error)
        )
    if status == 408 or status >= 500:
        return Trouble(
            f"{url} does not work at present ({status}: {said}). Try again later.",
            passing=True,
            asked_wait=_asked_wait(error),
        )
    return Trouble(f"{url} refused with {status}: {said}.", ours=True)


def _creating(url: str) -> str:
    kind, _, name = url.removeprefix("hf://").partition("/")
    return f"breadth publish-space {name}" if kind == "spaces" else f"breadth push --store {url} --create"


def _asked_wait(error: Exception) -> float | None:
    """Seconds of Retry-After, or until the Hub's own rate limit is reset."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import parse_ratelimit_headers

    assert isinstance(error, HfHubHTTPError)
    headers = error.response.headers
    written = headers.get("Retry-After", "").strip()
    if written.isdigit():
        return float(written)
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 10:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1


def _first_line(what: object) -> str:
    lines = [line.strip() for line in str(what).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(what).__name__


def _host() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT
