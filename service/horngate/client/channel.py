"""The options of a gRPC channel, the same for both clients."""

from __future__ import annotations


def channel_options(max_message_bytes: int) -> list[tuple[str, int]]:
    """What a channel is opened with.

    Args:
        max_message_bytes: the largest message, either way.
    """
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        # While gRPC waits to reconnect it fails calls at once. Its first wait, of a second,
        # would outlast our retries, which would then meet the same old error.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5000),
    ]
