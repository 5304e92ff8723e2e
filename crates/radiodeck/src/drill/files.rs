//! The compose files that the running stack was started from: containers keep
//! note of them in their labels.

use super::docker::{inspect, run};
use crate::measure::Error;

/// How to name the stack to `docker compose`.
#[derive(Debug, Clone)]
pub(super) struct Files {
    options: Vec<String>,
}

impl Files {
    /// Of the stack in `project` whose balancer lb-1 is the container `lb`.
    ///
    /// # Errors
    /// Also when these files, in our environment, would give another balancer than the one that runs: then they
    /// would give other app servers too, and perhaps another network.
    pub(super) async fn find(project: &str, lb: &str) -> Result<Self, Error> {
        let label = async |name: &str| {
            let format = format!("{{{{index .Config.Labels \"com.docker.compose.{name}\"}}}}");
            inspect(lb, &format).await
        };
        let mut options = vec!["--project-name".to_owned(), project.to_owned()];
        options.extend(["--project-directory".into(), label("project.working_dir").await?]);
        for file in label("project.config_files").await?.split(',') {
            options.extend(["--file".into(), file.to_owned()]);
        }
        let files = Self { options };
        let hashes = files.compose(&["config", "--hash", "lb-1"]).await?;
        if hashes.split_whitespace().last() == Some(label("config-hash").await?.as_str()) {
            Ok(files)
        } else {
            Err(Error::CannotRun(
                "the stack was started with other settings than the environment and its files say now: \
                 run the drill in the environment of `docker compose up`, or bring the stack up again"
                    .into(),
            ))
        }
    }

    /// Sees to it that `count` app servers run; nothing else is touched.
    pub(super) async fn scale_app(&self, count: usize) -> Result<(), Error> {
        let scale = format!("app={count}");
        let up = ["up", "--detach", "--no-recreate", "--no-deps", "--no-build"];
        let rest = ["--pull", "never", "--scale", &scale, "app"];
        self.compose(&[&up[..], &rest[..]].concat()).await.map(drop)
    }

    async fn compose(&self, args: &[&str]) -> Result<String, Error> {
        let options = self.options.iter().map(String::as_str);
        let all: Vec<_> = ["compose"]
            .into_iter()
            .chain(options)
            .chain(args.iter().copied())
            .collect();
        run(&all).await
    }
}
