"""Tells each visitor how the socket arrived here, then echoes."""


def open(handler):
    request = handler.request
    handler.write_message({
        'proxied': 'X-Scheme' in request.headers,
        'protocol': request.protocol,
        'host': request.host,
        'address': request.remote_ip,
    })


def on_message(handler, message):
    handler.write_message({'echo': message})
