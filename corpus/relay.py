"""A mail relay for checks: takes every mail on 127.0.0.1:PORT and appends its recipients and text to FILE."""

import socketserver
import sys


class Session(socketserver.StreamRequestHandler):
    def handle(self):
        said = []
        self.wfile.write(b"220 relay\r\n")
        for line in self.rfile:
            said.append(line)
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                said.extend(iter(self.rfile.readline, b".\r\n"))
                with open(sys.argv[2], "ab") as file:
                    file.writelines(said)
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 relay\r\n")
            if verb == b"QUIT":
                return


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Session).serve_forever()
