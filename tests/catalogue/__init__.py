"""The cases of OTP's and Elixir's own suites (*.toml), and the test that each is accounted for."""
