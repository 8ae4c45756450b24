//! The read-only admin endpoint: HTTP/1.1 on a loopback address, never on a worker's thread.
//!
//! It only reads, and only `GET`s are answered. Numbers are asked from the workers when someone
//! asks for them. Requests are bounded: header size, header time, connections at once.

mod json;
mod prometheus;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::metrics::families;
use crate::server::Core;
use crate::view::View;

/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 32;
/// A request's head must be there after so long …
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// … and is not longer than so much.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// A connection ends after so long whatever it does.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait after an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long workers have to tell their tables.
const VIEW_TIMEOUT: Duration = Duration::from_secs(2);

const OTHER_HOST: &str =
    "this endpoint is asked by an address, http://127.0.0.1:9901, or as localhost\n";

const TEXT: &str = "text/plain; charset=utf-8";

const INDEX: &str = "weft: read-only admin endpoint

/health       the process runs and its workers answer
/ready        new clients are taken
/config       the configuration in force, and the last reload
/counters     counters and totals
/connections  client connections
/lanes        upstream connections
/services     services and instances
/metrics      the same numbers for Prometheus
";

/// Binds the endpoint, for the runtime of the side thread.
///
/// # Errors
/// What the kernel said.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers until it is dropped.
pub(crate) async fn serve(listener: std::net::TcpListener, core: Arc<Core>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the admin endpoint cannot run");
            return;
        }
    };
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let core = Arc::clone(&core);
                tokio::spawn(async move {
                    converse(stream, core).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "the admin endpoint cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, core: Arc<Core>) {
    let service = service_fn(move |request| {
        let core = Arc::clone(&core);
        async move { Ok::<_, Infallible>(answer(&request, &core).await) }
    });
    let conversation = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // Its end, good or bad, concerns only whoever asked.
    let _end = tokio::time::timeout(CONNECTION_TIMEOUT, conversation).await;
}

async fn answer(request: &Request<Incoming>, core: &Core) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
        refusal
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    let host = request.headers().get(HOST);
    if host.is_some_and(|host| !is_local(host.as_bytes())) {
        return text(StatusCode::MISDIRECTED_REQUEST, OTHER_HOST);
    }
    match request.uri().path() {
        "/" => text(StatusCode::OK, INDEX),
        "/health" => health(core).await,
        "/ready" => ready(core),
        "/config" => config(core),
        "/counters" => table(&json::counters(&view(core).await)),
        "/connections" => table(&json::connections(&view(core).await)),
        "/lanes" => table(&json::lanes(&view(core).await)),
        "/services" => table(&json::services(&view(core).await)),
        "/metrics" => {
            let body = prometheus::render(&families(&view(core).await));
            respond(StatusCode::OK, prometheus::CONTENT_TYPE, body.into())
        }
        _ => text(StatusCode::NOT_FOUND, INDEX),
    }
}

/// Whether a `Host` is an address or a name of this machine's loopback. Any other name may be one that
/// a page in a browser had pointed here, to read what it must not (DNS rebinding).
fn is_local(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    if host.parse::<IpAddr>().is_ok() {
        return true;
    }
    let without_port = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = without_port.trim_start_matches('[').trim_end_matches(']');
    let name = without_port.to_ascii_lowercase();
    bare.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// Asks every worker for its tables; those that do not answer in time are missing.
pub(crate) async fn view(core: &Core) -> View {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let asked = core.ask(move |view| {
        // Whoever asked may have given up.
        let _gone = sender.send(view);
    });
    let mut workers = Vec::with_capacity(asked);
    let collect = async {
        while workers.len() < asked {
            match receiver.recv().await {
                Some(view) => workers.push(view),
                None => break,
            }
        }
    };
    let _late = tokio::time::timeout(VIEW_TIMEOUT, collect).await;
    View::new(workers, core.shared.files.count())
}

async fn health(core: &Core) -> Response<Full<Bytes>> {
    let answered = view(core).await.workers.len();
    let workers = core.shared.workers.len();
    if answered == workers || core.is_ending() {
        return text(StatusCode::OK, "ok\n");
    }
    let words = format!("{answered} of {workers} workers answer\n");
    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, words.into())
}

fn ready(core: &Core) -> Response<Full<Bytes>> {
    if core.is_ending() {
        text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else {
        text(StatusCode::OK, "ready\n")
    }
}

fn config(core: &Core) -> Response<Full<Bytes>> {
    let (version, last) = core.reload_state();
    let last_reload = last.map_or(Value::Null, |report| {
        json!({
            "unix_seconds": report.at.duration_since(UNIX_EPOCH).map_or(0, |at| at.as_secs()),
            "in_force": report.error.is_none(),
            "error": report.error,
        })
    });
    table(&json!({
        "version": version,
        "up_seconds": core.began.elapsed().as_secs(),
        "last_reload": last_reload,
        "config": format!("{:#?}", core.config()).lines().collect::<Vec<_>>(),
    }))
}

fn text(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    respond(status, TEXT, words.into())
}

fn table(value: &Value) -> Response<Full<Bytes>> {
    let body = format!("{value:#}\n");
    respond(StatusCode::OK, "application/json", body.into())
}

fn respond(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn names_that_others_may_point_here_are_no_host_of_ours() {
        for host in [
            "127.0.0.1:9901",
            "127.0.0.1",
            "[::1]:9901",
            "::1",
            "localhost",
            "LocalHost:1",
            "a.localhost:9901",
        ] {
            assert!(is_local(host.as_bytes()), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9901",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
            "\u{e9}",
        ] {
            assert!(!is_local(host.as_bytes()), "{host}");
        }
    }
}
