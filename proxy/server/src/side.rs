//! The side thread: admin endpoint and metric sinks, away from the workers.
//!
//! It only exists where the configuration asks for one of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::server::{Core, StartError};
use crate::{admin, statsd};

/// The running side thread; dropping it ends the thread.
#[derive(Debug)]
pub(crate) struct Side {
    admin_address: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Side {
    /// Binds the admin endpoint and starts the thread, if there is something for it to do.
    ///
    /// # Errors
    /// [`StartError`]
    pub(crate) fn start(core: &Arc<Core>) -> Result<Option<Self>, StartError> {
        let config = core.config();
        if config.admin.is_none() && config.statsd.is_none() {
            return Ok(None);
        }
        let admin = match config.admin {
            None => None,
            Some(address) => {
                Some(admin::bind(address).map_err(|source| StartError::Admin { address, source })?)
            }
        };
        let admin_address = admin
            .as_ref()
            .and_then(|listener| listener.local_addr().ok());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let core = Arc::clone(core);
        let thread = std::thread::Builder::new()
            .name("weft-side".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    if let Some(listener) = admin {
                        tokio::spawn(admin::serve(listener, Arc::clone(&core)));
                    }
                    if let Some(statsd) = core.config().statsd.clone() {
                        tokio::spawn(statsd::run(statsd, core));
                    }
                    // Told or dropped: both mean the end.
                    let _end = stopped.await;
                });
            })
            .map_err(StartError::Thread)?;
        Ok(Some(Self {
            admin_address,
            stop: Some(stop),
            thread: Some(thread),
        }))
    }

    /// Where the admin endpoint listens.
    pub(crate) fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A thread that ended already needs no word.
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _told = thread.join();
        }
    }
}
