import pytest

from horngate.client.failures import Failure, Subject, to_error
from horngate.errors import (
    Cancelled,
    Code,
    ConnectionFailed,
    EngineFailed,
    Expired,
    HorngateError,
    InvalidRequest,
    ModelNotFound,
    ModelNotReady,
    Overloaded,
    PermissionDenied,
    RequestError,
    ShuttingDown,
    SignatureNotFound,
    Unauthenticated,
    Unsupported,
    VersionNotFound,
)
from horngate.protocols.tfserving.spec import Target

NEWEST = Subject("localhost:8500", Target("m", None, "s"))
NUMBERED = Subject("localhost:8500", Target("m", 7, "s"))
SERVER = Subject("localhost:8500")


def error(code: Code, details: str, subject: Subject = NEWEST) -> HorngateError:
    return to_error(Failure(code, details), subject, timeout=2.5)


@pytest.mark.parametrize("expected", [ModelNotReady, Overloaded, ShuttingDown])
def test_the_server_names_which_unavailable_it_means(expected: type[HorngateError]) -> None:
    failure = Failure(Code.UNAVAILABLE, "in whatever words", expected.__name__)
    assert type(to_error(failure, NEWEST, timeout=1)) is expected


@pytest.mark.parametrize("expected", [ModelNotFound, VersionNotFound])
def test_the_server_names_what_was_not_found(expected: type[HorngateError]) -> None:
    failure = Failure(Code.NOT_FOUND, "in whatever words", expected.__name__)
    assert type(to_error(failure, NUMBERED, timeout=1)) is expected


def test_a_name_that_is_none_of_ours_changes_nothing() -> None:
    failure = Failure(Code.UNAVAILABLE, "Socket closed", "SystemExit")
    assert type(to_error(failure, NEWEST, timeout=1)) is ConnectionFailed


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (Code.INVALID_ARGUMENT, "wrong dtype", InvalidRequest),
        (Code.RESOURCE_EXHAUSTED, "larger than max", InvalidRequest),
        (Code.NOT_FOUND, "Servable not found", ModelNotFound),
        (Code.FAILED_PRECONDITION, "signature key", SignatureNotFound),
        (Code.UNAVAILABLE, "the queue is full", Overloaded),
        (Code.UNAVAILABLE, "Server shutting down", ShuttingDown),
        (Code.UNAVAILABLE, "Cancelling all calls", ShuttingDown),
        (Code.UNAVAILABLE, "failed to connect to all addresses; last: x", ConnectionFailed),
        (Code.UNAVAILABLE, "errors resolving nowhere:1", ConnectionFailed),
        (Code.UNAVAILABLE, "Socket closed", ConnectionFailed),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", Expired),
        (Code.CANCELLED, "Channel closed!", Cancelled),
        (Code.UNIMPLEMENTED, "Method not found!", Unsupported),
        (Code.INTERNAL, "the model failed", EngineFailed),
        (Code.PERMISSION_DENIED, "not you", PermissionDenied),
        (Code.UNAUTHENTICATED, "no token", Unauthenticated),
        (Code.DATA_LOSS, "lost", RequestError),
        (Code.UNKNOWN, "what", RequestError),
    ],
)
def test_each_code_has_its_error_and_the_message_is_kept(
    code: Code, details: str, expected: type[HorngateError]
) -> None:
    caught = error(code, details)
    assert type(caught) is expected
    assert str(caught).startswith("m at localhost:8500: ")
    assert details in str(caught)


def test_every_code_has_an_error() -> None:
    assert all(isinstance(error(code, ""), HorngateError) for code in Code)


def test_with_a_version_it_is_the_version_that_is_not_found() -> None:
    caught = error(Code.NOT_FOUND, "Servable not found", NUMBERED)
    assert isinstance(caught, VersionNotFound)
    assert (caught.model, caught.version) == ("m", 7)
    assert str(caught).startswith("m version 7 at localhost:8500: ")


def test_without_a_model_the_server_is_named() -> None:
    assert str(error(Code.INTERNAL, "x", SERVER)) == "localhost:8500: x"
    assert type(error(Code.FAILED_PRECONDITION, "x", SERVER)) is RequestError


def test_an_expired_call_says_what_it_had() -> None:
    assert "within 2.5 s" in str(error(Code.DEADLINE_EXCEEDED, "Deadline Exceeded"))


def test_attempts_are_counted() -> None:
    failure = Failure(Code.UNAVAILABLE, "the queue is full")
    caught = to_error(failure, NEWEST, timeout=1.0, attempts=3)
    assert str(caught) == "m at localhost:8500: the queue is full (3 attempts)"


def test_an_unreachable_server_is_named_with_what_to_do() -> None:
    assert "start it, or correct the address" in str(error(Code.UNAVAILABLE, "Connection refused"))
