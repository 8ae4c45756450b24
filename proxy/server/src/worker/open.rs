//! Lanes are opened: sockets towards instances, with their options and their time limit.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket as RawSocket, Type};
use weft_engine::{ConnId, ConnectFailure, Now};
use weft_model::InstanceAddress;

use super::ready::{self, Token};
use super::socket::{Phase, PlainStream, Socket, Stream};
use super::{Due, Worker};
use crate::config::SocketOptions;
use crate::listen::set_stream_options;

impl Worker {
    /// Begins to connect.
    pub(super) fn open(&mut self, conn: ConnId, address: &InstanceAddress, timeout: Duration) {
        let now = self.now();
        let stream = match begin_connect(address, &self.options).and_then(Stream::watch) {
            Ok(stream) => stream,
            Err(error) => {
                return self.engine.connect_failed(now, conn, failure_of(&error));
            }
        };
        let Some(list) = self.handle().map(|handle| Arc::clone(&handle.ready)) else {
            return;
        };
        self.add(
            conn,
            Socket {
                stream,
                waker: ready::waker(&list, Token::Conn(conn)),
                phase: Phase::Connecting,
                is_client: false,
                paused: false,
                read_ended: false,
                write_blocked: false,
            },
        );
        self.put_off(now, timeout, Due::Connect(conn));
        self.check_connect(conn);
    }

    /// Looks whether a connect came to its end.
    pub(super) fn check_connect(&mut self, conn: ConnId) {
        let Some(socket) = self.sockets.get_mut(conn) else {
            return;
        };
        let mut context = Context::from_waker(&socket.waker);
        match socket.stream.poll_connected(&mut context) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                socket.phase = Phase::Open;
                let now = self.now();
                self.engine.connected(now, conn);
                // Whatever was to be written before had to wait for this.
                self.dirty.push(conn);
                // Registers the waker, and takes the greeting of a server that speaks first.
                self.pump(conn);
            }
            Poll::Ready(Err(error)) => {
                self.remove(conn);
                let now = self.now();
                self.engine.connect_failed(now, conn, failure_of(&error));
            }
        }
    }

    /// Gives up a connect, if it is still one.
    pub(super) fn connect_timed_out(&mut self, now: Now, conn: ConnId) {
        if self
            .sockets
            .get_mut(conn)
            .is_some_and(|socket| socket.phase == Phase::Connecting)
        {
            self.remove(conn);
            self.engine
                .connect_failed(now, conn, ConnectFailure::TimedOut);
        }
    }
}

/// A non-blocking socket that is connected or on its way to be.
fn begin_connect(address: &InstanceAddress, options: &SocketOptions) -> io::Result<PlainStream> {
    let (domain, protocol, address) = match address {
        InstanceAddress::Tcp(address) => (
            Domain::for_address(*address),
            Some(Protocol::TCP),
            SockAddr::from(*address),
        ),
        InstanceAddress::Unix(path) => (Domain::UNIX, None, SockAddr::unix(path)?),
    };
    let socket = RawSocket::new(domain, Type::STREAM.nonblocking(), protocol)?;
    let is_tcp = protocol.is_some();
    if is_tcp {
        set_stream_options(&socket, options, options.lane_user_timeout)?;
    }
    match socket.connect(&address) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(if is_tcp {
        PlainStream::Tcp(socket.into())
    } else {
        PlainStream::Unix(socket.into())
    })
}

fn failure_of(error: &io::Error) -> ConnectFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ConnectFailure::Refused,
        io::ErrorKind::TimedOut => ConnectFailure::TimedOut,
        _ => ConnectFailure::Other,
    }
}
