"""Each kind of work as a Celery task."""
