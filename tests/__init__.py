"""The tests. `make test` runs them; nothing here needs more than the loopback interface."""
