"""A hard trial of ``pygrpc_native.NativeGrpcFront``; ``docs/adr/0008`` says what it decides."""
