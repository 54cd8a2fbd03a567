"""Headers as Faust makes and reads them.

Its input has `make`, fields of tests, and `read`, sets of headers. It prints the
headers that Faust makes of the former and the tests that it reads in the latter.
"""

import json
import sys
from datetime import datetime

from faust.livecheck.models import TestExecution


def made(fields):
    test = TestExecution(
        id=fields["id"],
        case_name=fields["case_name"],
        timestamp=datetime.fromisoformat(fields["timestamp"]),
        expires=datetime.fromisoformat(fields["expires"]),
        test_args=[],
        test_kwargs={},
    )
    return test.as_headers()


def read(headers):
    test = TestExecution.from_headers(headers)
    return test and {
        "id": test.id,
        "case_name": test.case_name,
        "timestamp": test.timestamp.isoformat(),
        "expires": test.expires.isoformat(),
    }


given = json.load(sys.stdin)
json.dump(
    {
        "made": [made(fields) for fields in given["make"]],
        "read": [read(headers) for headers in given["read"]],
    },
    sys.stdout,
)
