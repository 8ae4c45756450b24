//! Where to listen and where to connect: `host:port` or `unix:/path`.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Pending connections that the kernel keeps for a listener.
const BACKLOG: i32 = 1024;

/// One address of either family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// TCP over IPv4 or IPv6.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("`unix:` needs a path, for instance `unix:/run/echo.sock`".to_owned());
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        match text.to_socket_addrs() {
            Ok(mut found) => found
                .next()
                .map(Self::Tcp)
                .ok_or_else(|| format!("`{text}` resolves to no address")),
            Err(error) => Err(format!(
                "`{text}` is no address ({error}); write `127.0.0.1:9090`, `[::1]:9090`, \
                 `name:9090` or `unix:/path`"
            )),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Address {
    /// A non-blocking listener. Several may share one TCP address.
    pub(crate) fn listen(&self) -> io::Result<Socket> {
        let socket = self.socket()?;
        match self {
            Self::Tcp(address) => {
                socket.set_reuse_address(true)?;
                socket.set_reuse_port(true)?;
                socket.bind(&SockAddr::from(*address))?;
            }
            Self::Unix(path) => socket.bind(&SockAddr::unix(path)?)?,
        }
        socket.listen(BACKLOG)?;
        Ok(socket)
    }

    /// A non-blocking socket whose connection is under way or already there.
    pub(crate) fn connect(&self) -> io::Result<Socket> {
        let socket = self.socket()?;
        let address = match self {
            Self::Tcp(address) => {
                socket.set_tcp_nodelay(true)?;
                SockAddr::from(*address)
            }
            Self::Unix(path) => SockAddr::unix(path)?,
        };
        match socket.connect(&address) {
            Err(error)
                if error.raw_os_error() != Some(libc::EINPROGRESS)
                    && error.kind() != io::ErrorKind::WouldBlock =>
            {
                Err(error)
            }
            Ok(()) | Err(_) => Ok(socket),
        }
    }

    /// A connection that is there, in blocking mode.
    pub(crate) fn connect_blocking(&self) -> io::Result<Socket> {
        let socket = self.socket()?;
        socket.set_nonblocking(false)?;
        match self {
            Self::Tcp(address) => socket.connect(&SockAddr::from(*address))?,
            Self::Unix(path) => socket.connect(&SockAddr::unix(path)?)?,
        }
        Ok(socket)
    }

    /// The address that `listener` got, with its port filled in where this one says 0.
    pub(crate) fn bound_by(&self, listener: &Socket) -> io::Result<Self> {
        let address = listener.local_addr()?;
        Ok(address.as_socket().map_or_else(|| self.clone(), Self::Tcp))
    }

    fn socket(&self) -> io::Result<Socket> {
        let (domain, protocol) = match self {
            Self::Tcp(address) => (Domain::for_address(*address), Some(Protocol::TCP)),
            Self::Unix(_) => (Domain::UNIX, None),
        };
        let socket = Socket::new(domain, Type::STREAM, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in ["127.0.0.1:9090", "[::1]:9090", "unix:/tmp/x.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_without_a_port_is_refused_with_examples() {
        let complaint = "127.0.0.1".parse::<Address>().unwrap_err();
        assert!(complaint.contains("127.0.0.1:9090"), "{complaint}");
    }

    #[test]
    fn port_zero_becomes_the_port_that_the_kernel_chose() {
        let asked: Address = "127.0.0.1:0".parse().unwrap();
        let listener = asked.listen().unwrap();
        assert_ne!(asked.bound_by(&listener).unwrap(), asked);
    }
}
