"""A full disk under the log, or a collector that died, is no reason to lose mail."""

import os
from pathlib import Path

from accounts.models import Domain
from ingest.tests.dialogue import send_mail
from ingest.tests.running import ServerProcess
from ingest.tests.stored import contents


def test_mail_is_taken_while_nobody_reads_the_log(domain: Domain, tmp_path: Path) -> None:
    pipe = tmp_path / "smtpd.log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with ServerProcess(tmp_path) as server:
        os.close(reader)  # from now on every line that is logged fails
        for _ in range(3):
            assert send_mail(server.port, b"mail\r\n").startswith("250 ")
        assert server.process.end() == 0
    assert contents() == [b"mail\r\n"] * 3
