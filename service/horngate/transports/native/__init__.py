"""gRPC on the native front: HTTP/2 in Rust, outside the GIL; handlers in Python."""
