//! Two nodes as processes of the shipped binary on loopback, and clients of both, for tests and benchmarks.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test support: each user takes a part of it, and a failure is a panic"
)]

pub mod authorities;
pub mod books;
pub mod broken;
pub mod clients;
pub mod programme;
pub mod raw;
pub mod several;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;
use gateway::{
    arrangement::{
        leg::{Leg, Pair},
        terms::DEFAULT_TOML,
    },
    command::{
        certs::{CertsArgs, make},
        claimed_port::ClaimedPort,
    },
    config,
};
use tempfile::TempDir;

use self::clients::Clients;

/// The houses of the default arrangement.
pub const NAMES: Pair<&str> = Pair { treasury: "FICC", futures: "CME" };
/// How long a test waits for something that should come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Two houses: their keys, configurations, data and processes.
pub struct Houses {
    directory: TempDir,
    ports: Pair<ClaimedPort>,
    processes: Pair<Option<Child>>,
    binary: PathBuf,
}

#[derive(Parser)]
struct Certs {
    #[command(flatten)]
    args: CertsArgs,
}

impl Houses {
    /// Houses with the default arrangement, without its schedule and with a short guard. No node runs yet.
    pub fn new(binary: &str) -> Self {
        Self::with_arrangement(binary, &by_hand(DEFAULT_TOML))
    }

    /// Houses with this arrangement.
    pub fn with_arrangement(binary: &str, arrangement: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pki = directory.path().join("pki");
        let args = [
            "certs",
            "--member",
            "alder-point",
            "--member",
            "brightwater",
            "--member",
            "caldera",
            "--customer",
            "C-7F3A",
        ];
        make(&CertsArgs { out: pki, ..Certs::parse_from(args).args }).unwrap();
        fs::write(directory.path().join("arrangement.toml"), arrangement).unwrap();
        let ports = Pair::from_fn(|_| ClaimedPort::claim().unwrap());
        let houses = Self { directory, ports, processes: Pair::default(), binary: PathBuf::from(binary) };
        for leg in Leg::BOTH {
            fs::write(houses.config(leg), houses.config_text(leg)).unwrap();
        }
        houses
    }

    /// Both nodes, running and answering.
    pub async fn running(binary: &str) -> Self {
        let mut houses = Self::new(binary);
        houses.start_both().await;
        houses
    }

    /// Starts both nodes and waits until they answer.
    pub async fn start_both(&mut self) {
        for leg in Leg::BOTH {
            self.spawn(leg);
        }
        for leg in Leg::BOTH {
            self.wait_until_serving(leg).await;
        }
    }

    /// Starts a node and waits until it answers.
    pub async fn start(&mut self, leg: Leg) {
        self.spawn(leg);
        self.wait_until_serving(leg).await;
    }

    fn spawn(&mut self, leg: Leg) {
        let mut command = Command::new(&self.binary);
        command.args(["node", "--config"]).arg(self.config(leg));
        self.spawn_as(leg, command);
    }

    /// Starts a node by another command, which logs into the same file, and does not wait for it.
    pub fn spawn_as(&mut self, leg: Leg, mut command: Command) {
        let log = fs::File::options().create(true).append(true).open(self.log(leg)).unwrap();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.processes[leg] = Some(child);
    }

    /// How a node's process has ended, where it has ended by itself.
    pub fn ended(&mut self, leg: Leg) -> Option<ExitStatus> {
        let status = self.processes[leg].as_mut()?.try_wait().unwrap()?;
        self.processes[leg] = None;
        Some(status)
    }

    /// Waits until a node answers.
    pub async fn wait_until_serving(&mut self, leg: Leg) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.processes[leg].as_mut().and_then(|child| child.try_wait().unwrap()) {
                panic!("the node of {} ended with {status}:\n{}", NAMES[leg], self.log_text(leg));
            }
            if self.clients(leg).is_serving().await {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{} does not answer:\n{}", NAMES[leg], self.log_text(leg));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills a node with SIGKILL.
    pub fn kill(&mut self, leg: Leg) {
        if let Some(mut child) = self.processes[leg].take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops a node with SIGTERM and waits for it; its exit status. The runtime goes on meanwhile, so that clients can
    /// answer the node's farewell.
    pub async fn stop(&mut self, leg: Leg) -> ExitStatus {
        let mut child = self.processes[leg].take().expect("the node runs");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap()
    }

    /// Sends SIGHUP to a node and waits until it says that it has reloaded its certificates; how many connections it closed.
    pub async fn reload(&self, leg: Leg) -> usize {
        let told = || self.log_text(leg).lines().filter(|line| line.contains("certificates reloaded")).count();
        let before = told();
        let pid = self.processes[leg].as_ref().expect("the node runs").id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        let begin = Instant::now();
        while told() == before {
            assert!(begin.elapsed() < PATIENCE, "the node does not reload:\n{}", self.log_text(leg));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let text = self.log_text(leg);
        let last = text.lines().rfind(|line| line.contains("certificates reloaded")).unwrap_or_default();
        let closed = last.split("closed=").nth(1).unwrap_or_else(|| panic!("{last}"));
        closed.split_whitespace().next().unwrap_or_default().parse().unwrap()
    }

    /// Clients of a house's node, with the certificates of their roles.
    pub fn clients(&self, leg: Leg) -> Clients {
        Clients::new(self.directory.path().join("pki"), NAMES[leg], self.ports[leg].address().to_string())
    }

    /// The folder of keys, configurations and data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process of a house's node.
    pub fn pid(&self, leg: Leg) -> u32 {
        self.processes[leg].as_ref().expect("the node runs").id()
    }

    /// The port of a house's node.
    pub fn port(&self, leg: Leg) -> u16 {
        self.ports[leg].number()
    }

    /// A house's configuration file.
    pub fn config(&self, leg: Leg) -> PathBuf {
        self.directory.path().join(format!("{}.toml", NAMES[leg]))
    }

    /// Changes a house's configuration.
    pub fn edit(&self, leg: Leg, from: &str, to: &str) {
        let text = fs::read_to_string(self.config(leg)).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.config(leg), text.replacen(from, to, 1)).unwrap();
    }

    /// A house's data directory.
    pub fn data(&self, leg: Leg) -> PathBuf {
        self.directory.path().join(format!("data-{}", NAMES[leg]))
    }

    /// What a node has logged.
    pub fn log_text(&self, leg: Leg) -> String {
        fs::read_to_string(self.log(leg)).unwrap_or_default()
    }

    fn log(&self, leg: Leg) -> PathBuf {
        self.directory.path().join(format!("{}.log", NAMES[leg]))
    }

    fn config_text(&self, leg: Leg) -> String {
        let address = |leg: Leg| self.ports[leg].address().to_string();
        example_config(NAMES[leg], &address(leg), NAMES[leg.other()], &address(leg.other()))
            .replace("\"data\"", &format!("\"data-{}\"", NAMES[leg]))
    }
}

impl Drop for Houses {
    fn drop(&mut self) {
        for leg in Leg::BOTH {
            self.kill(leg);
        }
    }
}

/// The example configuration with these houses and addresses, and without keys that the example alone has.
fn example_config(own: &str, own_address: &str, peer: &str, peer_address: &str) -> String {
    let (before, rest) = config::EXAMPLE.split_once("[[statement_key.former]]").expect("the example has it");
    let (_, after) = rest.split_once("[limits]").expect("the example has it");
    format!("{before}[limits]{after}")
        .replace("house = \"CME\"", "house = \"@peer\"")
        .replace("house = \"FICC\"", "house = \"@own\"")
        .replace("pki/FICC", "pki/@own")
        .replace("pki/CME", "pki/@peer")
        .replace("127.0.0.1:7401", own_address)
        .replace("127.0.0.1:7402", peer_address)
        .replace("@own", own)
        .replace("@peer", peer)
        .lines()
        // The example names a key of its own; these keys were made a moment ago.
        .filter(|line| !line.starts_with("key_id"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// The arrangement with a guard of one second, so that a test of a cut-off need not wait for half a minute, and without a
/// schedule: cycles are opened by hand, and none of the hour at which the test runs comes in between.
pub fn by_hand(arrangement: &str) -> String {
    let mut document: toml::Table = arrangement.parse().unwrap();
    let timing = document.get_mut("timing").and_then(toml::Value::as_table_mut).unwrap();
    timing.insert("guard_seconds".to_owned(), 1.into());
    timing.insert("permitted_clock_skew_seconds".to_owned(), 0.into());
    assert!(document.insert("schedule".to_owned(), toml::Value::Array(Vec::new())).is_some(), "it had a schedule");
    toml::to_string(&document).unwrap()
}
