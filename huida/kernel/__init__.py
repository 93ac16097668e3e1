"""The kernel: transactions, facts, jobs, web edge, outgoing HTTP. It knows no business words."""
