"""Every way in: the JSON API, the pages, the event streams, and the command line."""
