//! `StreamSignals`: signals in, acknowledgements and single rejections out.
//!
//! Items are taken as they come and queued in batches, several under way at
//! once. An acknowledgement is sent when every item up to it is durable or was
//! rejected before it. Overload ends the stream after the last acknowledgement.

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Status, Streaming};

use crate::{
    convert::models::SentSignal,
    model::Signalled,
    node::{BatchAnswer, Node, NodeError, Permit},
    pb::v1::{
        SignalRejection, StreamSignalsRequest, StreamSignalsResponse,
        stream_signals_response::Payload,
    },
};

use super::{Stream, status};

/// Most items of a batch.
const BATCH: usize = 512;
/// Batches under way: so far the client is read ahead of the disk.
const UNDER_WAY: usize = 8;
/// Answers on their way to the transport.
const BUFFER: usize = 64;

/// Some items of the stream, in their order.
struct Portion {
    /// Number of the last item.
    last: u64,
    /// Numbers of the items that were queued.
    queued: Vec<u64>,
    answer: Option<BatchAnswer>,
    /// What was refused before it was queued.
    rejections: Vec<SignalRejection>,
}

/// Takes the signals of a stream.
pub(super) fn take_stream(
    node: Node,
    items: Streaming<StreamSignalsRequest>,
    permit: Permit,
) -> Stream<StreamSignalsResponse> {
    let (portions, under_way) = mpsc::channel(UNDER_WAY);
    let (answers, out) = mpsc::channel(BUFFER);
    tokio::spawn(acknowledge(under_way, answers, permit));
    tokio::spawn(read(node, items, portions));
    Box::pin(ReceiverStream::new(out))
}

/// Reads items and queues them, until the stream or its taker ends.
async fn read(
    node: Node,
    mut items: Streaming<StreamSignalsRequest>,
    portions: mpsc::Sender<Result<Portion, Status>>,
) {
    let mut position = 0;
    loop {
        let next = tokio::select! {
            () = portions.closed() => return,
            () = node.closing() => {
                let _ = portions.send(Err(NodeError::ShuttingDown.into())).await;
                return;
            }
            next = items.next() => next,
        };
        let mut batch = Vec::with_capacity(BATCH);
        let end = match next {
            Some(Ok(item)) => {
                batch.push(item);
                gather(&mut items, &mut batch).await
            }
            Some(Err(status)) => Some(Err(status)),
            None => Some(Ok(())),
        };
        if !batch.is_empty() {
            let portion = queue(&node, &mut position, batch);
            let failed = portion.is_err();
            if portions.send(portion).await.is_err() || failed {
                return;
            }
        }
        match end {
            None => {}
            Some(Ok(())) => return,
            Some(Err(status)) => {
                // The acknowledgements of what came before go first.
                let status = status::unread(&status).unwrap_or(status);
                let _ = portions.send(Err(status)).await;
                return;
            }
        }
    }
}

/// Adds what has arrived already; says whether the stream ended.
async fn gather(
    items: &mut Streaming<StreamSignalsRequest>,
    batch: &mut Vec<StreamSignalsRequest>,
) -> Option<Result<(), Status>> {
    while batch.len() < BATCH {
        match items.next().now_or_never() {
            None => return None,
            Some(None) => return Some(Ok(())),
            Some(Some(Err(status))) => return Some(Err(status)),
            Some(Some(Ok(item))) => batch.push(item),
        }
    }
    None
}

fn queue(
    node: &Node,
    position: &mut u64,
    batch: Vec<StreamSignalsRequest>,
) -> Result<Portion, Status> {
    let mut signals: Vec<Signalled> = Vec::with_capacity(batch.len());
    let (mut queued, mut rejections) = (Vec::with_capacity(batch.len()), Vec::new());
    for StreamSignalsRequest { event, signal_id } in batch {
        *position += 1;
        match SentSignal::from_stream(event, signal_id) {
            Ok(signal) => {
                queued.push(*position);
                signals.push(signal);
            }
            Err(bad) => rejections.push(reject(*position, &NodeError::Invalid(bad))),
        }
    }
    let answer = match signals.is_empty() {
        true => None,
        false => Some(node.signal_batch(signals)?),
    };
    Ok(Portion {
        last: *position,
        queued,
        answer,
        rejections,
    })
}

/// Tells the answers of the portions, in their order.
async fn acknowledge(
    mut under_way: mpsc::Receiver<Result<Portion, Status>>,
    answers: mpsc::Sender<Result<StreamSignalsResponse, Status>>,
    _permit: Permit,
) {
    while let Some(portion) = under_way.recv().await {
        let answered = match portion {
            Ok(portion) => answer(portion).await,
            Err(status) => Err(status),
        };
        let messages = match answered {
            Ok(payloads) => payloads.into_iter().map(Ok).collect(),
            Err(status) => vec![Err(status)],
        };
        for message in messages {
            let ends = message.is_err();
            let message = message.map(|payload| StreamSignalsResponse {
                payload: Some(payload),
            });
            if answers.send(message).await.is_err() || ends {
                return;
            }
        }
    }
}

/// The answers of one portion: its rejections, then its acknowledgement.
async fn answer(portion: Portion) -> Result<Vec<Payload>, Status> {
    let Portion {
        last,
        queued,
        answer,
        mut rejections,
    } = portion;
    if let Some(answer) = answer {
        for (number, error) in answer.wait().await? {
            let position = queued.get(number).copied().unwrap_or_default();
            rejections.push(reject(position, &error));
        }
    }
    rejections.sort_by_key(|rejection| rejection.position);
    let mut payloads: Vec<_> = rejections.into_iter().map(Payload::Rejection).collect();
    payloads.push(Payload::Ack(last));
    Ok(payloads)
}

fn reject(position: u64, error: &NodeError) -> SignalRejection {
    let (code, reason, message) = status::rejection(error);
    SignalRejection {
        position,
        code: code.into(),
        reason: reason.to_owned(),
        message,
    }
}
