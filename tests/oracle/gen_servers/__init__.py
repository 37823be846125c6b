"""The scenarios of gen_server and sys."""
