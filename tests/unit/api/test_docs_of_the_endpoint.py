"""The page about the endpoint lists what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

from botocore import xform_name

from emrlite.api.emr.operations import handlers
from emrlite.api.emr.run_job_flow import REFUSED
from emrlite.api.protocol import load_model

PAGE = (Path(__file__).parents[3] / "docs" / "endpoint.md").read_text()


def test_every_operation_is_listed_and_every_listed_one_is_there() -> None:
    there = set(handlers(cast(Any, None), lambda bucket: True))
    table = PAGE.partition("## EMR operations")[2].partition("##")[0]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert {xform_name(name) for name in named} == there
    assert named <= set(load_model("emr").operation_names)


def test_every_refused_member_is_listed() -> None:
    assert [name for name in REFUSED if f"`{name}`" not in PAGE] == []
