"""Signatures: those that AWS publishes as examples of its own.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from datetime import UTC, datetime

import pytest

from app.pictures.signing import Signer, digest, write_moment, write_query

MOMENT = write_moment(datetime(2013, 5, 24, tzinfo=UTC))
SIGNER = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
COMMON = {"host": "examplebucket.s3.amazonaws.com", "x-amz-date": MOMENT}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body", "signature"),
    [
        (
            *("GET", "/test.txt", {}, {"range": "bytes=0-9"}, b""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            *("PUT", "/test$file.text", {}),
            {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
            b"Welcome to Amazon S3.",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            *("GET", "/", {"prefix": "J", "max-keys": "2"}, {}, b""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
    ids=["get", "put", "list"],
)
def test_examples(
    method: str,
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    signature: str,
) -> None:
    signed = {**COMMON, **headers, "x-amz-content-sha256": digest(body)}
    names = ";".join(sorted(signed))
    assert SIGNER.sign(method, path, query, signed) == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={names},Signature={signature}"
    )


def test_a_query_is_sent_as_it_is_signed() -> None:
    assert write_query({"b": "x/y z+~", "a": ""}) == "a=&b=x%2Fy%20z%2B~"


def test_the_secret_is_not_shown() -> None:
    assert "wJal" not in repr(SIGNER)
