"""What `manage.py doctor` looks at in this room."""
