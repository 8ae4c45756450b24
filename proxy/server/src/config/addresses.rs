//! Addresses: sockets of the internet and of this machine. Names of hosts are refused, because
//! a name that resolves differently, or not at all, at the next start is no configuration.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use weft_model::InstanceAddress;

use super::ListenAddress;
use super::place::{Findings, Place};

/// Longest path of a Unix socket: `sun_path` has 108 bytes with its zero (unix(7)).
const UNIX_PATH_BYTES_MAX: usize = 107;

/// An address of either kind.
#[derive(Clone, Debug)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// An address to listen on; port 0 is any free one.
pub(super) fn listen(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    text: &str,
) -> Option<ListenAddress> {
    Some(match address(found, place, text)? {
        Address::Tcp(address) => ListenAddress::Tcp(address),
        Address::Unix(path) => ListenAddress::Unix(path),
    })
}

/// An address to connect to.
pub(super) fn instance(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    text: &str,
) -> Option<InstanceAddress> {
    match address(found, place, text)? {
        Address::Unix(path) => Some(InstanceAddress::Unix(path)),
        Address::Tcp(address) => {
            connectable(found, place, address).then_some(InstanceAddress::Tcp(address))
        }
    }
}

/// A UDP or TCP address of the internet to connect or send to.
pub(super) fn internet(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    text: &str,
) -> Option<SocketAddr> {
    let address = socket(found, place, text)?;
    connectable(found, place, address).then_some(address)
}

/// An address of this machine's own.
pub(super) fn loopback(
    found: &mut Findings<'_>,
    place: &Place<'_>,
    text: &str,
) -> Option<SocketAddr> {
    let address = socket(found, place, text)?;
    if address.ip().is_loopback() {
        return Some(address);
    }
    found.refuse(
        place,
        format!("`{text}` is not a loopback address"),
        format!(
            "write \"127.0.0.1:{port}\" or \"[::1]:{port}\": the endpoint asks for no password",
            port = address.port()
        ),
    );
    None
}

fn address(found: &mut Findings<'_>, place: &Place<'_>, text: &str) -> Option<Address> {
    let Some(path) = text.strip_prefix("unix:") else {
        return socket(found, place, text).map(Address::Tcp);
    };
    let path = path.strip_prefix("//").unwrap_or(path);
    if !path.starts_with('/') {
        found.refuse(
            place,
            format!("`{text}` is not an absolute path"),
            match path.trim_start_matches('.') {
                "" => "write \"unix:/run/name.sock\"".to_owned(),
                name => format!("write \"unix:/run/{name}\""),
            },
        );
        return None;
    }
    if path.len() > UNIX_PATH_BYTES_MAX {
        found.refuse(
            place,
            format!("the path is too long: {} bytes", path.len()),
            format!("at most {UNIX_PATH_BYTES_MAX} bytes"),
        );
        return None;
    }
    Some(Address::Unix(PathBuf::from(path)))
}

fn socket(found: &mut Findings<'_>, place: &Place<'_>, text: &str) -> Option<SocketAddr> {
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let (message, help) = mend(text);
            found.refuse(place, message, help);
            None
        }
    }
}

/// What is wrong with an address that cannot be read, and how it would be right.
fn mend(text: &str) -> (String, String) {
    const FORMS: &str = "write \"10.0.0.1:9000\", \"[::1]:9000\" or \"unix:/run/name.sock\"";
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        // Without brackets the last group may have been meant as the port.
        let meant = text.rsplit_once(':').and_then(|(host, port)| {
            let ip = host.parse::<Ipv6Addr>().ok()?;
            Some(SocketAddr::new(ip.into(), port.parse().ok()?))
        });
        let example = meant.unwrap_or(SocketAddr::new(ip, 9000));
        return (
            format!("`{text}` has no port"),
            format!("write for instance \"{example}\""),
        );
    }
    if text.starts_with('/') {
        return (
            format!("`{text}` is a path"),
            format!("write \"unix:{text}\""),
        );
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return (format!("`{text}` is not an address"), FORMS.to_owned());
    };
    if port.parse::<u16>().is_err() {
        return (
            format!("`{port}` is not a port"),
            "write a number from 1 to 65535".to_owned(),
        );
    }
    if host.is_empty() || host == "*" {
        return (
            format!("`{text}` names no host"),
            format!("write \"0.0.0.0:{port}\" for every IPv4 address, \"[::]:{port}\" for IPv6"),
        );
    }
    if host == "localhost" {
        return (
            format!("`{host}` is a name, not an address"),
            format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
        );
    }
    let numeric = host
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()));
    let name = host
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || c == b'.' || c == b'-' || c == b'_');
    if name && !numeric {
        return (
            format!("`{host}` is a name, not an address"),
            "write an address; names come with the registry".to_owned(),
        );
    }
    (format!("`{text}` is not an address"), FORMS.to_owned())
}

/// Port 0 and the address of every host can be listened on, but not connected to.
fn connectable(found: &mut Findings<'_>, place: &Place<'_>, address: SocketAddr) -> bool {
    if address.port() == 0 {
        found.refuse(place, "port 0 leads nowhere", "write the server's port");
        return false;
    }
    if address.ip().is_unspecified() {
        found.refuse(
            place,
            format!("`{}` is no host's address", address.ip()),
            "write the server's own address",
        );
        return false;
    }
    true
}
