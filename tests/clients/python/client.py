"""What the scripts share: the channel, the stubs, and the ways to print.

Each script is a client of one purpose. Its arguments are the address of the
server and the directory of the stubs that grpc_tools.protoc made of the
schemas; it prints what it saw as JSON.
"""

import json
import sys

import grpc

ADDRESS, STUBS = sys.argv[1:]
sys.path.insert(0, STUBS)

# How long a call may take; only one that hangs takes so long.
DEADLINE = 50.0

CHANNEL = grpc.insecure_channel(ADDRESS)


def show(seen):
    """Prints what a script saw, as JSON."""
    json.dump(seen, sys.stdout)


def test_headers(call):
    """The headers of the current test, as they are passed on to the next call."""
    headers = call.initial_metadata()
    return [(name, value) for name, value in headers if name.startswith("livecheck-")]


def status_of(error):
    """What a failed call tells: the status, and the details in it."""
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    status = rpc_status.from_call(error)
    kinds = {
        kind.DESCRIPTOR.full_name: kind
        for kind in (
            error_details_pb2.BadRequest,
            error_details_pb2.ErrorInfo,
            error_details_pb2.RetryInfo,
        )
    }
    told = {"code": status.code, "message": status.message, "fields": [], "retry": False}
    for any_detail in status.details:
        detail = kinds[any_detail.TypeName()]()
        any_detail.Unpack(detail)
        if isinstance(detail, error_details_pb2.ErrorInfo):
            told |= {"reason": detail.reason, "domain": detail.domain}
        elif isinstance(detail, error_details_pb2.BadRequest):
            told["fields"] = [violation.field for violation in detail.field_violations]
        else:
            told["retry"] = detail.retry_delay.ToNanoseconds() > 0
    return told
