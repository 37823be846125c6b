"""What tasks are made of: their processes, what comes of them, and streams of them. `otpy.Task` is in ../task.py."""
