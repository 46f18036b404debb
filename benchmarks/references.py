"""What this machine can do at best, measured in the same run, so that a figure becomes a ratio."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from benchmarks.instruments import run_load, start_module
from benchmarks.load import Load
from benchmarks.results import evaluate
from harness.processes import free_port, is_listening
from harness.servers import PostgresCluster

ROW = b"x" * 4096


def measure_accept_rate(*, size: int, connections: int, seconds: float, folder: Path) -> float:
    """Mails per second that a bare aiosmtpd takes from the same load."""
    port = free_port()
    server = start_module("benchmarks.null_smtpd", f"--port={port}", log=folder / "null_smtpd.log")
    try:
        server.wait_until(lambda: is_listening(port))
        load = Load(
            port=port,
            recipients=["u0@bench.example"],
            size=size,
            connections=connections,
            seconds=seconds,
        )
        return evaluate(run_load(load, folder=folder), []).accepted_per_second
    finally:
        server.kill()


def measure_commit_rate(*, database: str, seconds: float, folder: Path) -> float:
    """Transactions per second of one thread that writes a row of 4 KB in each, durably."""
    if database == "sqlite":
        return _measure_sqlite(seconds, folder)
    return _measure_postgresql(seconds)


def _measure_sqlite(seconds: float, folder: Path) -> float:
    connection = sqlite3.connect(folder / "reference.sqlite3", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE reference (id INTEGER PRIMARY KEY, content BLOB)")
        insert = "INSERT INTO reference (content) VALUES (?)"
        return _repeat(lambda: connection.execute(insert, (ROW,)), seconds)
    finally:
        connection.close()


def _measure_postgresql(seconds: float) -> float:
    with (
        PostgresCluster() as cluster,
        psycopg.connect(cluster.create_database("reference"), autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE reference (id BIGSERIAL PRIMARY KEY, content BYTEA)")
        insert = "INSERT INTO reference (content) VALUES (%s)"
        return _repeat(lambda: connection.execute(insert, (ROW,)), seconds)


def _repeat(action: Callable[[], object], seconds: float) -> float:
    """Times per second."""
    start = time.monotonic()
    count = 0
    while (elapsed := time.monotonic() - start) < seconds:
        action()
        count += 1
    return count / elapsed
