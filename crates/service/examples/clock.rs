//! The smallest service there is: it answers every connection with the seconds it
//! has run. It shows what an implementor writes, and the tests of this crate drive it.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use service::{Config, ConfigError, Context, Latch, RunError, Service, ServiceSettings, Shutdown, StartError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    service: ServiceSettings,
    listen: std::net::SocketAddr,
    /// How long it takes to become ready, milliseconds.
    #[serde(default)]
    warm_up_ms: u64,
    /// What stands before the seconds; can be changed by a reload.
    #[serde(default)]
    prefix: String,
    /// How long its last work takes once the drain has begun, milliseconds.
    #[serde(default)]
    last_work_ms: u64,
}

impl Config for Settings {
    fn service(&self) -> &ServiceSettings {
        &self.service
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.warm_up_ms > 60_000 {
            return Err(ConfigError::value("warm_up_ms", "is more than 60000"));
        }
        Ok(())
    }
}

struct Clock {
    listener: TcpListener,
    settings: Settings,
    warm: Latch,
    prefix: Arc<Mutex<String>>,
}

impl Service for Clock {
    const NAME: &'static str = "clock";
    const ENV_PREFIX: &'static str = "RADIODECK_CLOCK";
    const ABOUT: &'static str = "Tells how many seconds it has run.";
    type Config = Settings;

    async fn build(settings: Settings, context: &mut Context) -> Result<Self, StartError> {
        let listener = service::bind_tcp(settings.listen, false, "listen")?;
        if let Ok(addr) = listener.local_addr() {
            service::listening("tcp", addr);
        }
        let prefix = Arc::new(Mutex::new(settings.prefix.clone()));
        let (reloaded, listen) = (prefix.clone(), settings.listen);
        context.on_reload(move |new: Settings| {
            if new.listen != listen {
                return Err(ConfigError::value("listen", "cannot be changed while it runs"));
            }
            let change = format!("prefix `{}`", new.prefix);
            *reloaded.lock().unwrap_or_else(PoisonError::into_inner) = new.prefix;
            Ok(change)
        })?;
        context.status("clock", || serde_json::json!({"ticks": true}));
        Ok(Self {
            listener,
            settings,
            warm: context.readiness.latch("warm-up"),
            prefix,
        })
    }

    async fn run(self, shutdown: Shutdown) -> Result<(), RunError> {
        let started = Instant::now();
        let Self {
            listener,
            settings,
            warm,
            prefix,
        } = self;
        tokio::spawn(async move {
            sleep(Duration::from_millis(settings.warm_up_ms)).await;
            drop(warm);
        });
        loop {
            tokio::select! {
                () = shutdown.begun() => break,
                accepted = listener.accept() => {
                    if let Ok((mut stream, _)) = accepted {
                        let prefix = prefix.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        let line = format!("{prefix}{}\n", started.elapsed().as_secs());
                        // A client that leaves early is no concern of a clock.
                        let _ = stream.write_all(line.as_bytes()).await;
                    }
                }
            }
        }
        sleep(Duration::from_millis(settings.last_work_ms)).await;
        Ok(())
    }
}

fn main() -> ExitCode {
    service::main::<Clock>()
}
