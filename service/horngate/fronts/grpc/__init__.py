"""The gRPC port, on the completion queue of gRPC's own core."""
