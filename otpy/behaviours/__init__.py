"""What OTP's behaviours do: GenServer, Supervisor, DynamicSupervisor, sys, tree."""
