#!/usr/bin/env python3
"""The S3 client of actors/hub against a store that is not ours: moto's server, filled by Amazon's own client.

    .venv-clients/bin/python tests/clients/s3_server.py build/release/actors_hub_test

Needs moto[server] (which brings boto3). The server is a thread of this process, on a free port of loopback, and keeps everything in
memory, so nothing is left when this ends. The tests are those of actors/hub/s3_server_test.cpp, run twice: while the server takes any
key, and while it checks every signature.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
import urllib.request

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
BUCKET = "luthier-data"
MEBIBYTE = 1 << 20

# What the test expects, in the order of the paths: the fourth one is uploaded in two parts.
FILES = {
    "a dir/ä+ö & <x>.txt": b"odd names\n",
    "empty": b"",
    "model.safetensors": bytes(range(256)) * 8192,
    "parts.bin": b"a" * (5 * MEBIBYTE) + b"b" * MEBIBYTE,
    "train/train.jsonl": b'{"prompt": "a", "completion": "b"}\n' * 1000,
}


def client(endpoint, service, key="setup", secret="setup"):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def fill(s3):
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for path, content in FILES.items():
        key = "files/" + path
        if path == "parts.bin":
            upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
            parts = []
            for number, part in enumerate([content[: 5 * MEBIBYTE], content[5 * MEBIBYTE :]], start=1):
                etag = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"]
                parts.append({"PartNumber": number, "ETag": etag})
            s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        else:
            s3.put_object(Bucket=BUCKET, Key=key, Body=content)
        s3.put_object(Bucket=BUCKET, Key="sums/" + hashlib.sha256(content).hexdigest(), Body=b"")
    s3.put_object(Bucket=BUCKET, Key="files/train/", Body=b"")  # as a console does for a directory
    for number in range(2345):
        s3.put_object(Bucket=BUCKET, Key=f"many/{number % 7}/{number}", Body=b"")


def make_key(iam):
    iam.create_user(UserName="reader")
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "s3:ListAllMyBuckets"], "Resource": "*"}],
    }
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def run_tests(program, endpoint, key, secret, checks_keys):
    environment = dict(os.environ, LUTHIER_S3_ENDPOINT=endpoint, LUTHIER_S3_REGION=REGION, LUTHIER_S3_KEY=key, LUTHIER_S3_SECRET=secret)
    if checks_keys:
        environment["LUTHIER_S3_CHECKS_KEYS"] = "1"
    return subprocess.run([program, "[s3-server]"], env=environment, timeout=240).returncode


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        fill(client(endpoint, "s3"))
        key, secret = make_key(client(endpoint, "iam"))
        failed = run_tests(sys.argv[1], endpoint, key, secret, checks_keys=False)
        # From its next request on, the server checks who asks.
        switch = urllib.request.Request(endpoint + "/moto-api/reset-auth", data=b"0", method="POST", headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(switch, timeout=10).close()
        failed = run_tests(sys.argv[1], endpoint, key, secret, checks_keys=True) or failed
    finally:
        server.stop()
    sys.exit(failed)


if __name__ == "__main__":
    main()
