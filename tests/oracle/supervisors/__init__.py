"""The scenarios of supervisors and of Elixir's DynamicSupervisor."""
