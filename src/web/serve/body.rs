//! Response bodies in chunks, so that hyper takes as much as the client does, and the connection knows when everything
//! is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::activity::ResponseGuard;

/// The maximum chunk size, in bytes: an HTTP/2 frame (RFC 9113, section 4.2).
const PIECE: usize = 16 * 1024;

/// The size of a response's body before it is compressed, in bytes: so much is kept until all of it is sent. A compressed
/// body has no size hint.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct GeneratedSize(pub(in crate::web) u64);

/// A body that reports its end.
pub(super) struct TrackedBody {
    body: Body,
    rest: Bytes,
    _answer: ResponseGuard,
}

impl TrackedBody {
    /// `generated`: if known, the size before compression.
    pub(super) fn new(body: Body, generated: Option<GeneratedSize>, answer: ResponseGuard) -> Self {
        answer.sending(generated.map_or_else(|| body.size_hint().lower(), |GeneratedSize(size)| size));
        Self { body, rest: Bytes::new(), _answer: answer }
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return other,
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
