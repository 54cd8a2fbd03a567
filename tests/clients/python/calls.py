"""A client that makes the calls it is told to, and reads why it is refused.

Its input is a list of methods and requests; it prints what each refusal tells,
or null where there was none.
"""

import json
import sys
from importlib import import_module

import grpc
from client import CHANNEL, DEADLINE, show, status_of
from google.protobuf import json_format

FILES = {
    "CaseService": "case_service",
    "ExecutionService": "execution_service",
    "ReportService": "report_service",
    "SignalService": "signal_service",
}


def call(path, request):
    service, method = path.split("/")
    file = f"livecheck.v1.{FILES[service]}_pb2"
    stub = getattr(import_module(f"{file}_grpc"), f"{service}Stub")(CHANNEL)
    message = getattr(import_module(file), f"{method}Request")()
    answer = getattr(stub, method)(json_format.ParseDict(request, message), timeout=DEADLINE)
    # A stream tells its refusal when it is read.
    if isinstance(answer, grpc.Call):
        next(answer)


def refusal(path, request):
    try:
        call(path, request)
    except grpc.RpcError as error:
        return status_of(error)
    return None


show([refusal(*call) for call in json.load(sys.stdin)])
