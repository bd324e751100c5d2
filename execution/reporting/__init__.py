"""What people read of all this: reports as tables, HTML, CSV and JSON."""
