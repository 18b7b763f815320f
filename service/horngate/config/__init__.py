"""Settings: file < environment < flags, validated once, every error naming the key."""
