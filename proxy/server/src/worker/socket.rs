//! A connection's byte stream and the worker's table of them.
//!
//! Knows the sockets' edge only: which bytes they carry is the engine's.

use std::collections::HashMap;
use std::future::Future as _;
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use weft_engine::ConnId;

/// A byte stream that the worker's runtime watches.
#[derive(Debug)]
pub(crate) enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

/// A byte stream on its way from one worker to another.
#[derive(Debug)]
pub(crate) enum PlainStream {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// A Unix stream socket.
    Unix(std::os::unix::net::UnixStream),
}

impl Stream {
    /// Has the current runtime watch a stream, which must be non-blocking.
    pub(crate) fn watch(plain: PlainStream) -> io::Result<Self> {
        Ok(match plain {
            PlainStream::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream)?),
            PlainStream::Unix(stream) => Self::Unix(UnixStream::from_std(stream)?),
        })
    }

    /// Takes the stream from this runtime.
    pub(crate) fn unwatch(self) -> io::Result<PlainStream> {
        Ok(match self {
            Self::Tcp(stream) => PlainStream::Tcp(stream.into_std()?),
            Self::Unix(stream) => PlainStream::Unix(stream.into_std()?),
        })
    }

    /// Reads into the spare room of `buffer`; 0 is the end. After a read that did not fill it
    /// the next call registers the waker without asking the kernel again.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => pin!(stream.read_buf(buffer)).poll(context),
            Self::Unix(stream) => pin!(stream.read_buf(buffer)).poll(context),
        }
    }

    /// Whether there may be something to read; registers the waker if not. Asks the kernel
    /// nothing.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        // An error is met by the read that follows.
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(context).map(|_| ()),
            Self::Unix(stream) => stream.poll_read_ready(context).map(|_| ()),
        }
    }

    /// Writes; registers the waker if the socket is full.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    /// Whether a connect came to its end, and how.
    pub(crate) fn poll_connected(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (polled, error) = match self {
            Self::Tcp(stream) => match stream.poll_write_ready(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(polled) => (polled, stream.take_error()),
            },
            Self::Unix(stream) => match stream.poll_write_ready(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(polled) => (polled, stream.take_error()),
            },
        };
        Poll::Ready(
            polled
                .and(error)
                .and_then(|error| error.map_or(Ok(()), Err)),
        )
    }

    /// Sends the end of the stream; reading goes on.
    pub(crate) fn shutdown_write(&self) {
        // A peer that is gone already needs no farewell.
        let _gone = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        };
    }

    /// The other end's address, for logs.
    pub(crate) fn peer(&self) -> String {
        match self {
            Self::Tcp(stream) => stream
                .peer_addr()
                .map_or_else(|_| "gone".to_owned(), |address| address.to_string()),
            Self::Unix(stream) => stream
                .peer_addr()
                .ok()
                .and_then(|address| address.as_pathname().map(|path| path.display().to_string()))
                .map_or_else(|| "unix".to_owned(), |path| format!("unix:{path}")),
        }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A lane that is being connected.
    Connecting,
    /// In use.
    Open,
    /// The engine is done with it; what was written last shall still reach the peer.
    Lingering,
}

/// One connection of the worker.
#[derive(Debug)]
pub(crate) struct Socket {
    /// Its bytes.
    pub(crate) stream: Stream,
    /// Notes the connection as ready.
    pub(crate) waker: Waker,
    /// How far it has come.
    pub(crate) phase: Phase,
    /// Whether the other end is a client.
    pub(crate) is_client: bool,
    /// The engine wants no bytes.
    pub(crate) paused: bool,
    /// The peer's end was read.
    pub(crate) read_ended: bool,
    /// The last write did not take everything; the waker tells when to go on.
    pub(crate) write_blocked: bool,
}

/// The connections of one worker, found by index: the low half of a connection's number is small
/// and used again, the rest tells successors apart.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    clients: Vec<Option<(ConnId, Socket)>>,
    lanes: Vec<Option<(ConnId, Socket)>>,
    /// Those whose index the engine gave to another before they were closed.
    displaced: HashMap<ConnId, Socket>,
    len: usize,
}

impl Sockets {
    /// Adds a connection.
    pub(crate) fn insert(&mut self, conn: ConnId, socket: Socket) {
        let side = self.side_mut(conn);
        let index = index_of(conn);
        if index >= side.len() {
            side.resize_with(index + 1, || None);
        }
        if let Some(place) = side.get_mut(index)
            && let Some((former, socket)) = place.replace((conn, socket))
        {
            self.displaced.insert(former, socket);
        }
        self.len += 1;
    }

    /// A connection, if it is there.
    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Socket> {
        let side = if conn.is_upstream() {
            &mut self.lanes
        } else {
            &mut self.clients
        };
        match side.get_mut(index_of(conn)) {
            Some(Some((there, socket))) if *there == conn => Some(socket),
            _ => self.displaced.get_mut(&conn),
        }
    }

    /// Takes a connection out; to drop it closes it.
    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Socket> {
        let socket = match self.side_mut(conn).get_mut(index_of(conn)) {
            Some(place @ Some(_)) if place.as_ref().is_some_and(|(there, _)| *there == conn) => {
                place.take().map(|(_, socket)| socket)
            }
            _ => self.displaced.remove(&conn),
        };
        self.len -= usize::from(socket.is_some());
        socket
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn side_mut(&mut self, conn: ConnId) -> &mut Vec<Option<(ConnId, Socket)>> {
        if conn.is_upstream() {
            &mut self.lanes
        } else {
            &mut self.clients
        }
    }
}

fn index_of(conn: ConnId) -> usize {
    (conn.number() & u64::from(u32::MAX)) as usize
}
