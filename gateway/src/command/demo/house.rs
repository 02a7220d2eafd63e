//! A house of the demo: its node as a process of its own, and calls to it.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    time::timeout,
};

use super::{folder::Folder, wait};
use crate::{
    command::{
        caller::CallerArgs,
        client::{Node, NodeArgs},
        failure::Failure,
        status,
    },
    identity::Role,
};

/// How long a node may take to answer its first call, or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of a node's log that are shown when it has failed.
const LOG_LINES: usize = 15;

/// A house of the demo.
pub(super) struct House {
    pub(super) name: String,
    pub(super) address: String,
    arrangement: String,
    folder: Folder,
    binary: PathBuf,
    process: Option<Child>,
}

impl House {
    pub(super) fn new(name: &str, address: &str, arrangement: &str, folder: &Folder) -> Result<Self, Failure> {
        let binary = std::env::current_exe().map_err(|error| Failure::of("finding this program", &error))?;
        Ok(Self {
            name: name.to_owned(),
            address: address.to_owned(),
            arrangement: arrangement.to_owned(),
            folder: folder.clone(),
            binary,
            process: None,
        })
    }

    /// Starts the node and waits until it answers.
    ///
    /// # Errors
    /// Why it does not run, with the end of its log.
    pub(super) async fn start(&mut self) -> Result<(), Failure> {
        let path = self.folder.log(&self.name);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.map_err(|error| Failure::of(&path.display().to_string(), &error))?;
        let mut command = Command::new(&self.binary);
        command.arg("node").arg("--config").arg(self.folder.config(&self.name));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // A group of its own: an interrupt at the terminal reaches the demo, which stops its nodes itself.
        command.process_group(0).kill_on_drop(true);
        let child = command.spawn().map_err(|error| Failure::of(&format!("starting {}'s node", self.name), &error))?;
        self.process = Some(child);
        let node = self.node(Role::Operator)?;
        let what = format!("an answer of {}'s node", self.name);
        let answer = wait::until(&what, PATIENCE, async || {
            if let Some(Ok(Some(status))) = self.process.as_mut().map(Child::try_wait) {
                // No use in waiting any longer.
                return Ok(Some(status));
            }
            status::get(&node).await.map(|_| None).map_err(|failure| failure.to_string())
        });
        match answer.await {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.with_log(&format!("{}'s node ended with {status}", self.name))),
            Err(failure) => Err(self.with_log(&failure.to_string())),
        }
    }

    /// Ends the node as a power cut would: `kill -9`.
    pub(super) async fn kill(&mut self) -> Result<(), Failure> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.kill().await.map_err(|error| Failure::of(&format!("killing {}'s node", self.name), &error))
    }

    /// Stops the node in good order: SIGTERM.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let doing = format!("stopping {}'s node", self.name);
        if let Some(id) = process.id() {
            let told = Command::new("sh").args(["-c", "kill -TERM \"$0\""]).arg(id.to_string()).status().await;
            told.map_err(|error| Failure::of(&doing, &error))?;
        }
        match timeout(PATIENCE, process.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.with_log(&format!("{doing}: it ended with {status}"))),
            Ok(Err(error)) => Err(Failure::of(&doing, &error)),
            Err(_) => Err(Failure::new(format!("{doing}: it did not stop within {} s", PATIENCE.as_secs()))),
        }
    }

    /// Leaves the node running after the demo, and gives its process id.
    pub(super) fn leave(&mut self) -> Option<u32> {
        let process = self.process.take()?;
        let id = process.id();
        // Dropping it would kill it.
        std::mem::forget(process);
        id
    }

    /// The node, to be called in a role.
    ///
    /// # Errors
    /// When the role's certificate cannot be loaded.
    pub(super) fn node(&self, role: Role) -> Result<Node, Failure> {
        let house = self.name.parse().map_err(|error| Failure::of("the house", &error))?;
        let caller = CallerArgs {
            node: self.address.clone(),
            house,
            pki: self.folder.pki(),
            role: None,
            ca: None,
            certificate: None,
            key: None,
        };
        NodeArgs { caller, arrangement: self.arrangement.clone() }.connect(role)
    }

    fn with_log(&self, text: &str) -> Failure {
        let path = self.folder.log(&self.name);
        let log = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
        Failure::new(format!("{text}\nthe end of {}:\n{}", path.display(), last.join("\n")))
    }
}
