"""What people ask for: orders, executions, and how they are refused."""
