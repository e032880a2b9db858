"""An EMR client for an emulator: the command line speaks AWS's API like everybody else."""

from __future__ import annotations

from typing import Any

from emrlite.storage.s3 import DUMMY_KEYS


def emr(url: str, region: str) -> Any:
    """Return a botocore client for EMR at *url*."""
    import botocore.session  # late, as in `storage.s3`
    from botocore.config import Config

    access_key, secret_key = DUMMY_KEYS
    return botocore.session.Session().create_client(
        "emr", region_name=region, endpoint_url=url, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
        config=Config(proxies={}))
