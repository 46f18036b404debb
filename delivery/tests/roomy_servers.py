"""Servers of the standard library for tests, in which all who come at once find room.

By themselves they let five wait. On a busy machine the kernel drops the first packet of the sixth,
who sends it again a second later.
"""

from http.server import HTTPServer, ThreadingHTTPServer
from socketserver import ThreadingTCPServer


class RoomyHTTPServer(HTTPServer):
    request_queue_size = 1024


class RoomyThreadingHTTPServer(ThreadingHTTPServer):
    request_queue_size = 1024


class RoomyThreadingTCPServer(ThreadingTCPServer):
    request_queue_size = 1024
