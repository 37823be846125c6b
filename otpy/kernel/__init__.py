"""What is a process? Pids, reasons, mailboxes, signals, the scheduler and the runtime.

The only package that imports pykka and greenlet. ARCHITECTURE.md tells how the parts hang together;
the invariants of the concurrency stand beside the code that keeps them.
"""
