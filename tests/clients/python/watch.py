"""A dashboard that watches reports, loses its connection and goes on."""

from client import CHANNEL, DEADLINE, show
from google.protobuf.struct_pb2 import Value
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


def conclude(id):
    """Submits an execution and sends what its case expects."""
    executions.SubmitExecution(
        execution_service_pb2.SubmitExecutionRequest(
            case_name="orders", id=id, sampling=execution_service_pb2.SAMPLING_ALWAYS
        ),
        timeout=DEADLINE,
    )
    for name in ("sent", "executed"):
        event = models_pb2.SignalEvent(
            signal_name=name, case_name="orders", key=Value(string_value=id)
        )
        signals.SendSignal(signal_service_pb2.SendSignalRequest(event=event), timeout=DEADLINE)


def watch(resume_token=""):
    return reports.WatchReports(
        report_service_pb2.WatchReportsRequest(case_name="orders", resume_token=resume_token),
        timeout=DEADLINE,
    )


def reports_of(stream, count):
    """The ids of the next reports, and where the last one left off."""
    ids = []
    for item in stream:
        if item.HasField("report"):
            ids.append(item.report.test.id)
            if len(ids) == count:
                return ids, item.resume_token
    raise EOFError("the watch ended by itself")


stream = watch()
first = next(stream)
conclude("watched-1")
conclude("watched-2")
before, token = reports_of(stream, 1)
stream.cancel()
conclude("watched-3")
after, _ = reports_of(watch(token), 2)

show({"begins_with_a_checkpoint": not first.HasField("report"), "before": before, "after": after})
