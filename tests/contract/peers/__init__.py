"""The peers' own tests against Horngate. Their sources are given, and never kept here."""
