"""Send a message from every server of a NATS cluster to every other, with the standard library alone.

Usage: smoke_tests.py FOLDER, where config.json and tls/ are. Prints a line per pair; ends with 1 when a message was lost.
"""

import json
import secrets
import socket
import ssl
import sys
from pathlib import Path


class Client:
    """As much of the NATS client protocol as a round trip takes: INFO, CONNECT, SUB, PUB, MSG, PING, PONG."""

    def __init__(self, address, config, context):
        self.address = address
        self._socket = socket.create_connection((address, config["port"]), timeout=config["timeout_s"])
        try:
            self._connect(address, config, context)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, address, config, context):
        # The server speaks first and in the clear; TLS begins after its INFO line.
        info = self._line_in_the_clear()
        if not info.startswith("INFO "):
            raise OSError(f"{address} is no NATS server: {info[:80]!r}")
        if context:
            self._socket = context.wrap_socket(self._socket, server_hostname=address)
        self._received = b""
        options = {
            "verbose": False,
            "pedantic": False,
            "lang": "python",
            "version": "1",
            "protocol": 1,
            "name": "smoke-tests",
        }
        if config["user"]:
            options |= {"user": config["user"], "pass": config["password"]}
        self._send(f"CONNECT {json.dumps(options)}\r\nPING\r\n")
        self.expect("PONG")

    def _line_in_the_clear(self):
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise OSError(f"{self.address} closed the connection")
            line += byte
        return line.decode().strip()

    def _send(self, text):
        self._socket.sendall(text.encode())

    def expect(self, word):
        """The next line that begins with a word; PINGs are answered on the way, errors raised."""
        while True:
            line = self._line()
            if line.startswith(word):
                return line
            if line.startswith("PING"):
                self._send("PONG\r\n")
            elif line.startswith("-ERR"):
                raise OSError(f"{self.address} answered {line}")

    def _line(self):
        while b"\r\n" not in self._received:
            self._read_more()
        line, self._received = self._received.split(b"\r\n", 1)
        return line.decode()

    def _read_more(self):
        # A time-out leaves what came so far in place: the next call goes on from there.
        piece = self._socket.recv(65536)
        if not piece:
            raise OSError(f"{self.address} closed the connection")
        self._received += piece

    def subscribe(self, subject):
        # The answer to a PING proves that the server has seen the subscription.
        self._send(f"SUB {subject} 1\r\nPING\r\n")
        self.expect("PONG")

    def publish(self, subject, text):
        self._send(f"PUB {subject} {len(text)}\r\n{text}\r\nPING\r\n")
        self.expect("PONG")

    def receive(self, timeout_s):
        self._socket.settimeout(timeout_s)
        size = int(self.expect("MSG ").split()[-1])
        while len(self._received) < size + 2:
            self._read_more()
        text, self._received = self._received[:size], self._received[size + 2 :]
        return text.decode()

    def close(self):
        self._socket.close()


def tls_context(folder, config):
    if not config["tls"]:
        return None
    context = ssl.create_default_context(cafile=folder / "tls/ca.pem")
    if config["client_certificate"]:
        context.load_cert_chain(folder / "tls/certificate.pem", folder / "tls/private_key.pem")
    return context


def send(sender, receiver, config, context):
    """One message; other servers learn of a subscription a moment later than its own, so it is repeated until it comes."""
    subject, text = f"smoke-tests.{secrets.token_hex(8)}", secrets.token_hex(8)
    listening = Client(receiver, config, context)
    try:
        listening.subscribe(subject)
        speaking = Client(sender, config, context)
        try:
            for _ in range(config["timeout_s"] * 5):
                speaking.publish(subject, text)
                try:
                    received = listening.receive(0.2)
                except TimeoutError:
                    continue
                if received != text:
                    raise OSError(f"received {received!r} instead of {text!r}")
                return
            raise OSError(f"no message within {config['timeout_s']} s")
        finally:
            speaking.close()
    finally:
        listening.close()


def main():
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    context = tls_context(folder, config)
    failed = 0
    for sender in config["addresses"]:
        for receiver in config["addresses"]:
            try:
                send(sender, receiver, config, context)
            except OSError as error:
                failed += 1
                print(f"{sender} -> {receiver}: {error}")
            else:
                print(f"{sender} -> {receiver}: ok")
    print(f"{len(config['addresses']) ** 2 - failed} of {len(config['addresses']) ** 2} pairs work")
    return 1 if failed or not config["addresses"] else 0


if __name__ == "__main__":
    sys.exit(main())
