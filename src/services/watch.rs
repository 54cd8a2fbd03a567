//! Server streams: items as they come, checkpoints in between, and a clean end
//! when the server goes down.

use std::{future::Future, time::Duration};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Stream;

/// How long a stream may be silent before a checkpoint keeps it awake.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(15);
/// Items on their way to the transport.
const BUFFER: usize = 64;

/// What a server stream shows.
pub(super) trait Watch: Send + 'static {
    /// One message.
    type Item: Send + 'static;

    /// The next messages; `None` at the end. Cancelled and called again when a
    /// checkpoint falls due, so nothing may be lost by that.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<Self::Item>>, Status>> + Send;

    /// A message without payload.
    fn checkpoint(&self) -> Self::Item;

    /// Whether the first message is a checkpoint.
    fn begins_with_checkpoint(&self) -> bool {
        true
    }
}

/// Streams a watch. It ends when the client leaves.
pub(super) fn watch<W: Watch>(mut watch: W) -> Stream<W::Item> {
    let (sender, receiver) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        if watch.begins_with_checkpoint() && sender.send(Ok(watch.checkpoint())).await.is_err() {
            return;
        }
        loop {
            let next = tokio::select! {
                () = sender.closed() => return,
                next = tokio::time::timeout(CHECKPOINT_EVERY, watch.next()) => next,
            };
            let items = match next {
                Err(_) => vec![Ok(watch.checkpoint())],
                Ok(Ok(Some(items))) => items.into_iter().map(Ok).collect(),
                Ok(Ok(None)) => return,
                // What the watch has gone past without a word is not lost either.
                Ok(Err(status)) => vec![Ok(watch.checkpoint()), Err(status)],
            };
            for item in items {
                let ends = item.is_err();
                if sender.send(item).await.is_err() || ends {
                    return;
                }
            }
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}
