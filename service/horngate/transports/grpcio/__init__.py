"""gRPC on grpcio's asyncio server."""
