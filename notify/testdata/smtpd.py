"""An SMTP server for tests, on aiosmtpd. It prints its port and writes every message that
it takes into a folder: NNNN.eml, and each of its attachments decoded as NNNN-N.attachment,
with NNNN-N.header, two lines of name and type.

smtpd.py FOLDER MODE [CERTIFICATE KEY]

MODE is a comma-separated list: starttls, implicit, auth; refuse-recipient, refuse-sender,
greylist (451 to the first recipient of each run), cut-in-data (before the message is taken),
cut-after-data (the message is taken, the answer never leaves), refuse-size (552 to the message).
"""
import asyncio
import email
import email.policy
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, modes = sys.argv[1], set(sys.argv[2].split(","))


class Handler:
    greylisted = False
    taken = 0

    async def handle_MAIL(self, server, session, envelope, address, options):
        if "refuse-sender" in modes:
            return "550 5.7.1 sender 4508750015741019 refused"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "refuse-recipient" in modes:
            return "550 5.1.1 no such user"
        if "greylist" in modes and not self.greylisted:
            self.greylisted = True
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if "cut-in-data" in modes:
            server.transport.abort()
            return "451 cut"
        if "refuse-size" in modes:
            return "552 5.3.4 message too big"
        self.taken += 1
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        for i, a in enumerate(parsed.iter_attachments()):
            base = os.path.join(folder, "%04d-%d" % (self.taken, i))
            with open(base + ".attachment", "wb") as out:
                out.write(a.get_payload(decode=True))
            with open(base + ".header", "w", encoding="utf-8") as out:
                out.write("%s\n%s\n" % (a.get_filename(), a.get_content_type()))
        part = os.path.join(folder, "part")
        with open(part, "wb") as out:
            out.write(envelope.content)
        os.rename(part, os.path.join(folder, "%04d.eml" % self.taken))
        if "cut-after-data" in modes:
            server.transport.abort()
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"cardbatch" and data.password == b"secret", handled=False)


async def main():
    context = None
    if len(sys.argv) > 4:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    handler = Handler()

    def factory():
        return SMTP(handler, hostname="smtp.test", tls_context=context if "starttls" in modes else None,
                    auth_required="auth" in modes, auth_require_tls="implicit" not in modes, authenticator=authenticate if "auth" in modes else None)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0, ssl=context if "implicit" in modes else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The end of standard input is the end of the test.
    await loop.run_in_executor(None, sys.stdin.read)
    os._exit(0)


asyncio.run(main())
