"""A service that submits its requests and passes the test on to the next one."""

from client import CHANNEL, DEADLINE, show, test_headers
from google.protobuf.struct_pb2 import Struct, Value
from livecheck.v1 import (
    execution_service_pb2,
    execution_service_pb2_grpc,
    models_pb2,
    report_service_pb2,
    report_service_pb2_grpc,
    signal_service_pb2,
    signal_service_pb2_grpc,
)

executions = execution_service_pb2_grpc.ExecutionServiceStub(CHANNEL)
signals = signal_service_pb2_grpc.SignalServiceStub(CHANNEL)
reports = report_service_pb2_grpc.ReportServiceStub(CHANNEL)

order = Struct()
order.update({"side": "buy", "amount": 3})
submitted, call = executions.SubmitExecution.with_call(
    execution_service_pb2.SubmitExecutionRequest(
        case_name="orders",
        id="python-1",
        test_kwargs=order,
        sampling=execution_service_pb2.SAMPLING_ALWAYS,
    ),
    timeout=DEADLINE,
)
headers = test_headers(call)

# The next service knows nothing but the headers of the call that it got.
outcomes = []
for name in ("sent", "executed"):
    told = signals.SendSignal(
        signal_service_pb2.SendSignalRequest(
            event=models_pb2.SignalEvent(signal_name=name, value=Value(string_value="buy"))
        ),
        metadata=headers,
        timeout=DEADLINE,
    )
    outcomes.append(signal_service_pb2.SignalOutcome.Name(told.outcome))

request = report_service_pb2.GetReportRequest(case_name="orders", id="python-1")
request.wait.FromSeconds(30)
report = reports.GetReport(request, timeout=DEADLINE).report

show(
    {
        "sampled": submitted.sampled,
        "headers": sorted(name for name, _ in headers),
        "outcomes": outcomes,
        "state": models_pb2.State.Name(report.state),
        "kwargs": dict(report.test.test_kwargs),
        "latencies": sorted(report.signal_latency),
    }
)
