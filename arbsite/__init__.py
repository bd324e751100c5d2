"""The frame and the floor of the house: settings, Celery, pipeline, notices, auth, health, embedded services."""
