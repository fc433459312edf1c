"""Names of sources in messages, fits and files: no secret is in them."""

from __future__ import annotations

import pytest

from jaxlaws.errors import TableError
from jaxlaws.runs import read
from jaxlaws.runs.readers import shown, stem

ADDRESSES = {
    "postgresql://me:s3cret@host/db": "postgresql://me:***@host/db",
    "postgresql://me:s3@cr:et@host/db": "postgresql://me:***@host/db",
    "postgresql://host/db?user=me&password=s3cret": "postgresql://host/db?user=***&password=***",
    "ftp://me:s3/cret@host/runs.csv": "ftp://me:***@host/runs.csv",
    "https://s3cret@host/runs.csv": "https://***@host/runs.csv",
    "https://host/runs.csv?X-Amz-Signature=s3cret#s3cret": "https://host/runs.csv?X-Amz-Signature=***#***",
    "mlflow:https://me:s3cret@host:5000/a": "mlflow:https://me:***@host:5000/a",
    "mlflow:http://s3cret@host:5000": "mlflow:http://***@host:5000",
    "s3://bucket/at@home/runs.csv": "s3://bucket/at@home/runs.csv",
    "https://host:8080/runs.csv": "https://host:8080/runs.csv",
    "folder/me:s3cret@host.csv": "folder/me:s3cret@host.csv",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_passwords_tokens_and_queries_are_not_shown(address):
    assert shown(address) == ADDRESSES[address]
    assert "cret" not in stem(address) or "://" not in address


def test_errors_of_readers_do_not_show_them_either():
    with pytest.raises(TableError, match="csvx") as error:
        read("https://me:s3cret@localhost:1/runs.csvx?token=s3cret")
    assert "s3cret" not in str(error.value)
