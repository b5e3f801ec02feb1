//! A stream whose first write goes out in two segments with a pause between them: a ClientHello as it arrives when it is larger
//! than one segment, although this program's own is small.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// The pause: what stands on the path sees the first segment alone.
const PAUSE: Duration = Duration::from_millis(100);

/// The length of the first segment. It ends before the ClientHello's extensions (RFC 8446, section 4.1.2), so that the server's
/// name is in the second one: rustls sends extensions in random order, and half of a ClientHello has the name by chance.
const FIRST: usize = 64;

/// The stream. Nagle's algorithm must be off below it.
pub(crate) struct SplitFirstWrite<S> {
    stream: S,
    state: SplitState,
}

enum SplitState {
    Unsent,
    Paused(Pin<Box<Sleep>>),
    Done,
}

impl<S> SplitFirstWrite<S> {
    /// Nothing may have been written yet.
    pub(crate) const fn new(stream: S) -> Self {
        Self { stream, state: SplitState::Unsent }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SplitFirstWrite<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, state } = &mut *self;
        let mut stream = Pin::new(stream);
        match state {
            SplitState::Unsent if bytes.len() > FIRST => {
                let sent = ready!(stream.poll_write(context, &bytes[..FIRST]))?;
                *state = SplitState::Paused(Box::pin(sleep(PAUSE)));
                return Poll::Ready(Ok(sent));
            }
            SplitState::Paused(pause) => {
                ready!(stream.as_mut().poll_flush(context))?;
                ready!(pause.as_mut().poll(context));
                *state = SplitState::Done;
            }
            SplitState::Unsent | SplitState::Done => {}
        }
        stream.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SplitFirstWrite<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_write_alone_is_split() {
        let (near, mut far) = duplex(1024);
        let mut stream = SplitFirstWrite::new(near);
        let start = Instant::now();
        let writes = async {
            stream.write_all(&[1; FIRST + 10]).await.expect("the peer reads");
            stream.write_all(&[2; FIRST + 20]).await.expect("the peer reads");
            stream
        };
        let reads = async {
            let mut first = [0; 1024];
            let length = far.read(&mut first).await.expect("it is open");
            assert_eq!((&first[..length], start.elapsed()), (&[1; FIRST][..], Duration::ZERO));
            let nothing = timeout(PAUSE / 2, far.read(&mut first)).await;
            assert!(nothing.is_err(), "it came before the pause was over");
            let mut rest = [0; FIRST + 30];
            far.read_exact(&mut rest).await.expect("it is open");
            assert_eq!((&rest[..], start.elapsed()), (&[&[1; 10][..], &[2; FIRST + 20]].concat()[..], PAUSE));
        };
        tokio::join!(writes, reads);
    }
}
