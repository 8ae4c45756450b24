//! Clients that are served once and then wait without a word, for what waiting costs a proxy.
//!
//! They must not know who answers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::local;
use crate::work::Wire;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is believed.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Opens `clients` connections to `port`; each has one request answered and then waits.
///
/// # Errors
/// If one of them is not served.
pub(crate) fn served_and_waiting(port: u16, wire: Wire, clients: u32) -> Result<Vec<TcpStream>> {
    (0..clients)
        .map(|number| {
            let mut stream = connect(port)?;
            call(&mut stream, wire, number)
                .with_context(|| format!("client {number} of {clients} is not served"))?;
            Ok(stream)
        })
        .collect()
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&local(port), ANSWER_TIMEOUT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}

/// One request and its whole answer.
fn call(stream: &mut TcpStream, wire: Wire, number: u32) -> Result<()> {
    match wire {
        Wire::Thrift => {
            stream.write_all(&thrift_call(number))?;
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length) as usize;
            if length > ANSWER_BYTES_MAX {
                bail!("an answer of {length} bytes");
            }
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer)?;
            // Version 1, type 2: a reply, not an exception.
            if !answer.starts_with(&[0x80, 0x01, 0x00, 0x02]) {
                bail!("not a reply: {}", String::from_utf8_lossy(&answer));
            }
        }
        Wire::Acme => bail!("no row lets acme clients wait"),
        Wire::Redis => {
            stream.write_all(b"*2\r\n$3\r\nGET\r\n$7\r\nmissing\r\n")?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer)?;
            if &answer != b"$-1\r\n" {
                bail!("not a nil: {}", String::from_utf8_lossy(&answer));
            }
        }
    }
    Ok(())
}

/// A framed binary call of `echo` with one text of 128 bytes.
fn thrift_call(number: u32) -> Vec<u8> {
    let text = [b'x'; 128];
    let mut message = vec![0x80, 0x01, 0x00, 0x01];
    message.extend(4u32.to_be_bytes());
    message.extend(b"echo");
    message.extend(number.to_be_bytes());
    // Field 1 of type 11 (string), then the end of the struct.
    message.extend([11, 0, 1]);
    message.extend((text.len() as u32).to_be_bytes());
    message.extend(text);
    message.push(0);
    let mut frame = (message.len() as u32).to_be_bytes().to_vec();
    frame.append(&mut message);
    frame
}
