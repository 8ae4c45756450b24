//! Listening sockets: how they are bound, and the options that their clients inherit.
//!
//! The kernel copies a listening socket's options to the sockets it accepts, so options are set
//! once per listener and cost nothing per client.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use crate::config::{ListenAddress, SocketOptions};

/// A bound socket that listens.
#[derive(Debug)]
pub(crate) enum ListenSocket {
    /// TCP; each worker has its own with `SO_REUSEPORT`.
    Tcp(TcpListener),
    /// A Unix stream socket; one worker accepts for all.
    Unix(UnixListener),
}

/// The sockets of one address of a listener.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The listener's name.
    pub(crate) listener: String,
    /// The address as it was asked for.
    pub(crate) asked: ListenAddress,
    /// The address as it is, with the port that the kernel chose.
    pub(crate) actual: ListenAddress,
    /// One per worker, `None` for those that do not accept here; with the socket's own number.
    pub(crate) sockets: Vec<Option<(u64, Arc<ListenSocket>)>>,
}

impl Bound {
    /// Whether this is the address `asked` of the listener. A port that the kernel chose belongs
    /// to the listener that asked for one; any other address keeps its socket, and the clients in
    /// its queue, even when the listener gets another name.
    pub(crate) fn is(&self, listener: &str, asked: &ListenAddress) -> bool {
        let any_port = matches!(asked, ListenAddress::Tcp(address) if address.port() == 0);
        self.asked == *asked && (!any_port || self.listener == listener)
    }

    /// Takes the address out of use: a Unix socket's file goes.
    pub(crate) fn retire(&self) {
        if let ListenAddress::Unix(path) = &self.actual {
            // It may have been replaced or removed by someone else.
            let _gone = std::fs::remove_file(path);
        }
    }
}

/// Binds `asked` for `workers` workers; `next_id` numbers the sockets.
///
/// # Errors
/// What the kernel said; in use if anything else listens there.
pub(crate) fn bind(
    listener: &str,
    asked: &ListenAddress,
    workers: usize,
    options: &SocketOptions,
    next_id: &mut u64,
) -> io::Result<Bound> {
    let (plain, actual) = match asked {
        ListenAddress::Tcp(address) => bind_tcp(*address, workers, options)?,
        ListenAddress::Unix(path) => {
            let socket = bind_unix(path, options)?;
            (vec![ListenSocket::Unix(socket)], asked.clone())
        }
    };
    let mut sockets: Vec<Option<(u64, Arc<ListenSocket>)>> = plain
        .into_iter()
        .map(|socket| {
            *next_id += 1;
            Some((*next_id, Arc::new(socket)))
        })
        .collect();
    sockets.resize_with(workers, || None);
    if matches!(asked, ListenAddress::Unix(_)) && workers > 0 {
        // Several Unix listeners are accepted by several workers.
        let turns = usize::try_from(*next_id).unwrap_or(0) % workers;
        sockets.rotate_right(turns);
    }
    Ok(Bound {
        listener: listener.to_owned(),
        asked: asked.clone(),
        actual,
        sockets,
    })
}

fn bind_tcp(
    address: SocketAddr,
    workers: usize,
    options: &SocketOptions,
) -> io::Result<(Vec<ListenSocket>, ListenAddress)> {
    if address.port() != 0 {
        // SO_REUSEPORT would silently share the port with another process of the same user.
        drop(tcp_socket(address, options, false)?);
    }
    let mut actual = address;
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let listener: TcpListener = tcp_socket(actual, options, true)?.into();
        actual = listener.local_addr()?;
        sockets.push(ListenSocket::Tcp(listener));
    }
    Ok((sockets, ListenAddress::Tcp(actual)))
}

fn tcp_socket(address: SocketAddr, options: &SocketOptions, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // An address is what it says; whoever wants both lists both.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
        set_stream_options(&socket, options, options.client_user_timeout)?;
    }
    socket.bind(&address.into())?;
    if shared {
        socket.listen(backlog(options))?;
    }
    Ok(socket)
}

fn bind_unix(path: &Path, options: &SocketOptions) -> io::Result<UnixListener> {
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
            std::fs::remove_file(path)?;
            socket.bind(&address)?;
        }
        bound => bound?,
    }
    socket.listen(backlog(options))?;
    Ok(socket.into())
}

/// Whether a Unix socket's file was left by a process that is gone.
fn is_abandoned(path: &Path) -> bool {
    UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn backlog(options: &SocketOptions) -> i32 {
    i32::try_from(options.backlog).unwrap_or(i32::MAX)
}

/// Sets what every TCP connection of the proxy has.
///
/// # Errors
/// What the kernel said.
pub(crate) fn set_stream_options(
    socket: &Socket,
    options: &SocketOptions,
    user_timeout: Duration,
) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(options.keepalive_idle)
        .with_interval(options.keepalive_interval)
        .with_retries(options.keepalive_probes);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(user_timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> ListenAddress {
        ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    #[test]
    fn all_workers_listen_on_the_one_port_that_the_kernel_chose() {
        let mut id = 0;
        let bound = bind("a", &any_port(), 3, &SocketOptions::default(), &mut id).unwrap();
        let ports: Vec<u16> = bound
            .sockets
            .iter()
            .flatten()
            .map(|(_, socket)| match &**socket {
                ListenSocket::Tcp(listener) => listener.local_addr().unwrap().port(),
                ListenSocket::Unix(_) => 0,
            })
            .collect();
        assert_eq!(ports.len(), 3);
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
    }

    #[test]
    fn a_port_that_another_proxy_listens_on_is_refused_although_the_kernel_would_share_it() {
        let mut id = 0;
        let first = bind("a", &any_port(), 1, &SocketOptions::default(), &mut id).unwrap();
        let second = bind("b", &first.actual, 1, &SocketOptions::default(), &mut id);
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn accepted_sockets_inherit_the_options_of_their_listener() {
        let mut id = 0;
        let bound = bind("a", &any_port(), 1, &SocketOptions::default(), &mut id).unwrap();
        let Some((_, socket)) = bound.sockets[0].clone() else {
            panic!("no socket")
        };
        let ListenSocket::Tcp(listener) = &*socket else {
            panic!("not tcp")
        };
        listener.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = socket2::SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap());
        assert!(accepted.keepalive().unwrap());
        assert_eq!(
            accepted.tcp_keepalive_time().unwrap(),
            Duration::from_secs(15)
        );
        assert_eq!(
            accepted.tcp_user_timeout().unwrap(),
            Some(Duration::from_secs(20))
        );
    }

    #[test]
    fn a_unix_socket_left_by_a_dead_process_is_replaced_and_a_living_one_is_not() {
        let path = std::env::temp_dir().join(format!("weft-listen-{}.sock", std::process::id()));
        let asked = ListenAddress::Unix(path);
        let mut id = 0;
        let options = SocketOptions::default();
        let first = bind("a", &asked, 1, &options, &mut id).unwrap();
        assert!(bind("a", &asked, 1, &options, &mut id).is_err());
        drop(first);
        let again = bind("a", &asked, 1, &options, &mut id).unwrap();
        again.retire();
    }
}
