"""``s3://`` as EMR has it: Hadoop's S3A under EMRFS's schemes, and EMRFS's settings translated.

EMR itself serves ``s3://``, ``s3n://`` and ``s3a://`` with S3A since release 7.10; the table of
settings is that of AWS's migration guide from EMRFS to S3A.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SCHEMES = ("s3", "s3a", "s3n")

#: EMRFS's setting (after ``fs.s3.`` unless it begins with ``fs.``) -> S3A's (after ``fs.s3a.``).
EMRFS_TO_S3A = {
    "maxConnections": "connection.maximum",
    "maxRetries": "retry.limit",
    "canned.acl": "acl.default",
    "storageClass": "create.storage.class",
    "threadpool.maxSize": "threads.max",
    "buffer.dir": "buffer.dir",
    "delete.maxBatchSize": "bulk.delete.page.size",
    "signerType": "signing-algorithm",
    "useRequesterPaysHeader": "requester.pays.enabled",
    "enableServerSideEncryption": "encryption.algorithm",
    "serverSideEncryption.kms.keyId": "encryption.key",
    "cse.kms.keyId": "encryption.key",
    "serverSideEncryption.kms.customEncryptionContext": "encryption.context",
    "sts.endpoint": "assumed.role.sts.endpoint",
    "sts.sessionDurationSeconds": "assumed.role.session.duration",
    "authorization.roleMapping": "authorization.roleMapping",
    "buckets.create.enabled": "bucket.probe",
    "filestatus.metadata.enabled": "metadata.cache.enabled",
    "connection.maxIdleMilliSeconds": "connection.idle.time",
    "fs.s3n.multipart.uploads.enabled": "multipart.uploads.enabled",
    "fs.s3n.multipart.uploads.split.size": "multipart.size",
    "fs.s3n.block.size": "block.size",
    "fs.s3n.endpoint": "endpoint",
    "fs.s3n.ssl.enabled": "connection.ssl.enabled",
}

#: AWS's documented way back to EMRFS names this class; the same S3A answers to it (``java_classes/S3FileSystem.java``).
EMRFS_CLASS = "com.amazon.ws.emr.hadoop.fs.EmrFileSystem"
S3A_CLASS = "emrlite.S3FileSystem"

#: Leaves out the signature of what goes to the server of local buckets (``java_classes/S3Signer.java``).
SIGNER_CLASS = "emrlite.S3Signer"

#: Reads small objects with one request (``java_classes/S3InputStreams.java``).
INPUT_STREAMS_CLASS = "emrlite.S3InputStreams"
#: And together with their status (``java_classes/S3FetchingClient.java``).
CLIENTS_CLASS = "emrlite.S3Clients"


@dataclass(frozen=True, kw_only=True)
class S3Access:
    """How processes of a node reach S3."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str
    wants_signatures: bool = True  #: S3Proxy looks at none; moto refuses objects to who is anonymous


def s3a(access: S3Access, buffer_dir: str) -> dict[str, str]:
    """Return the ``core-site`` properties with which S3A talks to a path-style endpoint near by."""
    schemes = {f"fs.{scheme}.impl": S3A_CLASS for scheme in SCHEMES}
    schemes |= {f"fs.AbstractFileSystem.{scheme}.impl": "org.apache.hadoop.fs.s3a.S3A" for scheme in SCHEMES}
    # Not a signer that does nothing: a bucket or a job may name another endpoint, which wants signatures.
    unsigned = {
        "emrlite.s3.endpoint": access.endpoint,
        "fs.s3a.custom.signers": f"emrlite:{SIGNER_CLASS}",
        "fs.s3a.signing-algorithm": "emrlite",
    }
    return schemes | ({} if access.wants_signatures else unsigned) | {
        "fs.s3a.endpoint": access.endpoint,
        "fs.s3a.endpoint.region": access.region,
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": str(access.endpoint.startswith("https:")).lower(),
        "fs.s3a.access.key": access.access_key,
        "fs.s3a.secret.key": access.secret_key,
        "fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "fs.s3a.buffer.dir": buffer_dir,
        "fs.s3a.input.stream.type": "custom",
        "fs.s3a.input.stream.custom.factory": INPUT_STREAMS_CLASS,
        "fs.s3a.s3.client.factory.impl": CLIENTS_CLASS,
        # A copy in parts is what the servers near by do worst; one request does up to 5 GB.
        "fs.s3a.multipart.threshold": "5G",
        "fs.s3a.optimized.copy.from.local.enabled": "false",
        "fs.s3a.connection.expect.continue": "false",
        "fs.s3a.attempts.maximum": "2",
        "fs.s3a.retry.limit": "3",
        "fs.s3a.connection.establish.timeout": "15s",  # less is warned about, in every log
        "fs.s3a.cross.region.access.enabled": "false",
        "fs.s3a.threads.max": "16",
        "fs.s3a.connection.maximum": "64",
        # Words for the access log of a bucket in each request's Referer; EMRFS sends none, and nobody reads them here.
        "fs.s3a.audit.enabled": "false",
        # A file that somebody put into a local bucket's folder has no ETag; one that has is still checked.
        "fs.s3a.change.detection.version.required": "false",
        # Where what Spark SQL writes waits for its commit (`java_classes/S3OptimizedCommitter.java`).
        "fs.emrlite-waiting.impl": "emrlite.WaitingFiles",
        # Of Hadoop's committers the one that serves everything; for what Spark SQL writes see `spark_defaults`.
        "fs.s3a.committer.name": "file",
    }


def translate(properties: Mapping[str, str]) -> dict[str, str]:
    """Translate EMRFS's settings among *properties* (``emrfs-site`` or ``core-site``) to S3A's.

    Other settings go through as they are.  An S3A setting that is given wins over a
    translated one.  ``fs.s3.bucket.<bucket>.X`` becomes S3A's per-bucket setting.
    """
    given = {name: S3A_CLASS if value == EMRFS_CLASS else value for name, value in properties.items()}
    translated = {}
    for name, value in given.items():
        if new := _s3a_name(name):
            translated[new] = _s3a_value(new, value)
    return {**translated, **given}


def _s3a_name(name: str) -> str | None:
    if name in EMRFS_TO_S3A:
        return f"fs.s3a.{EMRFS_TO_S3A[name]}" if name.startswith("fs.") else None
    if not name.startswith("fs.s3."):
        return None
    rest = name.removeprefix("fs.s3.")
    if rest.startswith("bucket."):
        bucket, _, setting = rest.removeprefix("bucket.").rpartition(".fs.s3.")
        if not bucket:
            bucket, _, setting = rest.removeprefix("bucket.").partition(".")
        return f"fs.s3a.bucket.{bucket}.{EMRFS_TO_S3A[setting]}" if setting in EMRFS_TO_S3A else None
    return f"fs.s3a.{EMRFS_TO_S3A[rest]}" if rest in EMRFS_TO_S3A else None


def _s3a_value(name: str, value: str) -> str:
    if name.endswith("encryption.algorithm"):
        return "AES256" if value.lower() == "true" else ""
    if name.endswith("bucket.probe"):
        return "0"
    return value
