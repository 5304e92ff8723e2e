//! The threads that workers run on.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use service::{RunError, StartError};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::sync::watch::Receiver;

use crate::drain::Stage;
use crate::listeners::{Bound, Listeners};
use crate::shared::Shared;
use crate::worker::Worker;

/// Running workers.
pub(crate) struct Threads(Vec<oneshot::Receiver<io::Result<()>>>);

impl Threads {
    /// Starts one worker for each group of listeners.
    ///
    /// # Errors
    /// The system does not give a thread.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        listeners: Vec<Vec<Bound>>,
        stage: &Receiver<Stage>,
    ) -> Result<Self, StartError> {
        let start = |(id, listeners): (usize, Vec<Bound>)| {
            let (shared, stage) = (shared.clone(), stage.clone());
            let (done, ended) = oneshot::channel();
            std::thread::Builder::new()
                .name(format!("lb-worker-{id}"))
                .spawn(move || {
                    let result = work(id, shared, listeners, stage);
                    // Nobody listens any more after the deadline.
                    let _heard = done.send(result);
                })
                .map(|_detached| ended)
                .map_err(|source| StartError::System {
                    what: "cannot start a worker thread",
                    source,
                })
        };
        listeners
            .into_iter()
            .enumerate()
            .map(start)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Resolves when all workers have ended.
    pub(crate) async fn ended(&mut self) {
        for ended in self.0.drain(..) {
            let _result = ended.await;
        }
    }

    /// Resolves when a worker ends that was not told to.
    pub(crate) async fn failed(&mut self) -> RunError {
        let waits = self.0.iter_mut().enumerate().map(|(id, ended)| {
            Box::pin(async move {
                let what = format!("worker {id}");
                match ended.await {
                    Ok(Err(source)) => RunError::Failed { what, source },
                    Ok(Ok(())) => RunError::Ended {
                        what,
                        message: "it was not told to".into(),
                    },
                    Err(_) => RunError::Ended {
                        what,
                        message: "it panicked".into(),
                    },
                }
            })
        });
        let mut waits: Vec<_> = waits.collect();
        std::future::poll_fn(|cx| {
            for wait in &mut waits {
                if let std::task::Poll::Ready(error) = wait.as_mut().poll(cx) {
                    return std::task::Poll::Ready(error);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

fn work(id: usize, shared: Arc<Shared>, listeners: Vec<Bound>, stage: Receiver<Stage>) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(256)
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listeners = Listeners::register(listeners)?;
        Rc::new(Worker::new(id, shared)).run(listeners, stage).await;
        Ok(())
    })
}
