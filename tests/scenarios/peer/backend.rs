//! A legacy server that knows nothing of the mesh, and can be killed and started again.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, spawn_local};

use super::wire::Wire;

/// What a backend does with requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Waits so long before each answer; other requests of the connection go on.
    pub(crate) delay: Duration,
    /// Every second request waits a little, so that answers come out of order.
    pub(crate) shuffle: bool,
    /// Never answers.
    pub(crate) silent: bool,
}

/// A server on a loopback port of its own. Each answer is its name, `|`, and the request's body.
pub(crate) struct Backend {
    wire: Wire,
    name: &'static str,
    manner: Manner,
    address: SocketAddr,
    accepting: RefCell<Option<JoinHandle<()>>>,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    connections: RefCell<Vec<JoinHandle<()>>>,
    accepted: Cell<usize>,
    served: Cell<usize>,
}

impl Backend {
    /// Starts on a free port.
    pub(crate) async fn start(wire: Wire, name: &'static str, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Self {
            wire,
            name,
            manner,
            address: listener.local_addr().unwrap(),
            accepting: RefCell::default(),
            state: Rc::default(),
        };
        backend.accept(listener);
        backend
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted since the start.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.get()
    }

    /// Requests read since the start.
    pub(crate) fn served(&self) -> usize {
        self.state.served.get()
    }

    /// Closes the port and every connection at once.
    pub(crate) fn kill(&self) {
        if let Some(accepting) = self.accepting.borrow_mut().take() {
            accepting.abort();
        }
        for connection in self.state.connections.borrow_mut().drain(..) {
            connection.abort();
        }
    }

    /// Listens again on the same port.
    pub(crate) async fn restart(&self) {
        let listener = loop {
            // The killed task lets go of the port when it is next polled.
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.accept(listener);
    }

    fn accept(&self, listener: TcpListener) {
        let (wire, name, manner) = (self.wire, self.name, self.manner);
        let state = Rc::clone(&self.state);
        let accepting = spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                state.accepted.set(state.accepted.get() + 1);
                let connection = spawn_local(serve(stream, wire, name, manner, Rc::clone(&state)));
                let mut connections = state.connections.borrow_mut();
                connections.retain(|connection| !connection.is_finished());
                connections.push(connection);
            }
        });
        self.accepting.borrow_mut().replace(accepting);
    }
}

async fn serve(
    stream: TcpStream,
    wire: Wire,
    name: &'static str,
    manner: Manner,
    state: Rc<State>,
) {
    stream.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = stream.into_split();
    // Answers go through one writer, so that delayed ones can be overtaken but never torn.
    let (answers, mut queue) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    let writing = async move {
        while let Some(answer) = queue.recv().await {
            if writer.write_all(&answer).await.is_err() {
                break;
            }
        }
    };
    let reading = async move {
        while let Ok(Some(request)) = wire.read(&mut reader).await {
            let turn = state.served.get();
            state.served.set(turn + 1);
            if manner.silent {
                continue;
            }
            let body = [name.as_bytes(), b"|", &request.body].concat();
            let answer = wire.answer(&request, &body);
            let mut delay = manner.delay;
            if manner.shuffle && turn.is_multiple_of(2) {
                delay += Duration::from_millis(2);
            }
            if delay.is_zero() {
                let _gone = answers.send(answer);
                continue;
            }
            let answers = answers.clone();
            spawn_local(async move {
                tokio::time::sleep(delay).await;
                let _gone = answers.send(answer);
            });
        }
    };
    tokio::join!(reading, writing);
}
