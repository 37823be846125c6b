"""otpy against recordings of Erlang/OTP 25.2.3 and Elixir 1.14.0; see README.md."""
