"""The service from outside: in process where that is enough, as a real process where signals, sockets and memory matter."""
