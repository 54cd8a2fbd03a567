"""A service that sends its signals as one stream and reads what is acknowledged."""

from client import CHANNEL, DEADLINE, show
from google.protobuf.struct_pb2 import Value
from livecheck.v1 import models_pb2, signal_service_pb2, signal_service_pb2_grpc

signals = signal_service_pb2_grpc.SignalServiceStub(CHANNEL)

COUNT = 1000
# Positions of the items that can never be taken, and what is wrong with them.
WRONG = {
    10: {"case_name": "unknown"},
    500: {"signal_name": "no such name"},
    1000: {"key": None},
}


def item(position):
    fields = {
        "signal_name": "sent",
        "case_name": "orders",
        "key": Value(string_value=f"order-{position}"),
        "value": Value(number_value=position),
    } | WRONG.get(position, {})
    return signal_service_pb2.StreamSignalsRequest(
        event=models_pb2.SignalEvent(**fields), signal_id=f"signal-{position}"
    )


acks, rejections, rejected_after_ack = [], [], []
sent = (item(position) for position in range(1, COUNT + 1))
for told in signals.StreamSignals(sent, timeout=DEADLINE):
    if told.WhichOneof("payload") == "ack":
        acks.append(told.ack)
    else:
        rejection = told.rejection
        rejections.append([rejection.position, rejection.code, rejection.reason])
        if acks and rejection.position <= acks[-1]:
            rejected_after_ack.append(rejection.position)

# Sent again, as after a break, the signals are known.
again = signals.SendSignal(
    signal_service_pb2.SendSignalRequest(event=item(1).event, signal_id="signal-1"),
    timeout=DEADLINE,
)

show(
    {
        "acks_rise": acks == sorted(set(acks)),
        "last_ack": acks[-1],
        "rejections": rejections,
        "rejected_after_ack": rejected_after_ack,
        "again": signal_service_pb2.SignalOutcome.Name(again.outcome),
    }
)
