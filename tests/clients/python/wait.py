"""A test that waits for signals: one that comes, and one that does not."""

import grpc
from client import CHANNEL, DEADLINE, show, status_of
from google.protobuf.struct_pb2 import Value
from livecheck.v1 import models_pb2, signal_service_pb2, signal_service_pb2_grpc

signals = signal_service_pb2_grpc.SignalServiceStub(CHANNEL)


def wait(key, milliseconds):
    request = signal_service_pb2.WaitSignalRequest(
        case_name="orders", signal_name="sent", key=Value(string_value=key)
    )
    request.timeout.FromMilliseconds(milliseconds)
    return signals.WaitSignal.future(request, timeout=DEADLINE)


came = wait("order-1", 40_000)
told = signals.SendSignal(
    signal_service_pb2.SendSignalRequest(
        event=models_pb2.SignalEvent(
            signal_name="sent",
            case_name="orders",
            key=Value(string_value="order-1"),
            value=Value(number_value=17),
        )
    ),
    timeout=DEADLINE,
)

try:
    wait("order-2", 50).result()
    missed = None
except grpc.RpcError as error:
    missed = status_of(error)["reason"]

show(
    {
        "value": came.result().event.value.number_value,
        "outcome": signal_service_pb2.SignalOutcome.Name(told.outcome),
        "missed": missed,
    }
)
