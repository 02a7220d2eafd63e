//! Several arrangements on one machine: the keys, configurations and data of each in a folder of its own, and processes
//! that run any of their nodes together.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Instant,
};

use clap::Parser;
use gateway::{
    arrangement::leg::{Leg, Pair},
    command::{
        certs::{CertsArgs, make},
        claimed_port::ClaimedPort,
    },
};

use super::{Certs, PATIENCE, clients::Clients, example_config};

/// The two houses of an arrangement: their keys, configurations and data. Nothing of them runs by itself.
pub struct Arranged {
    folder: PathBuf,
    /// The houses' names.
    pub names: Pair<&'static str>,
    ports: Pair<ClaimedPort>,
}

impl Arranged {
    /// Writes everything that two nodes of this arrangement need into a new folder.
    pub fn new(folder: PathBuf, names: Pair<&'static str>, arrangement: &str) -> Self {
        fs::create_dir(&folder).unwrap();
        let args = ["certs", "--house", names.treasury, "--house", names.futures];
        make(&CertsArgs { out: folder.join("pki"), ..Certs::parse_from(args).args }).unwrap();
        fs::write(folder.join("arrangement.toml"), arrangement).unwrap();
        let ports = Pair::from_fn(|_| ClaimedPort::claim().unwrap());
        let arranged = Self { folder, names, ports };
        for leg in Leg::BOTH {
            let text =
                example_config(names[leg], &arranged.address(leg), names[leg.other()], &arranged.address(leg.other()))
                    .replace("\"data\"", &format!("\"data-{}\"", names[leg]));
            fs::write(arranged.config(leg), text).unwrap();
        }
        arranged
    }

    /// A house's configuration file.
    pub fn config(&self, leg: Leg) -> PathBuf {
        self.folder.join(format!("{}.toml", self.names[leg]))
    }

    /// Both houses' configuration files.
    pub fn configs(&self) -> [PathBuf; 2] {
        Leg::BOTH.map(|leg| self.config(leg))
    }

    /// A house's data directory.
    pub fn data(&self, leg: Leg) -> PathBuf {
        self.folder.join(format!("data-{}", self.names[leg]))
    }

    /// Where a house's node listens.
    pub fn address(&self, leg: Leg) -> String {
        self.ports[leg].address().to_string()
    }

    /// The folder of the certificates and keys of a house.
    pub fn pki(&self, leg: Leg) -> PathBuf {
        self.folder.join("pki").join(self.names[leg])
    }

    /// Clients of a house's node, with the certificates of their roles.
    pub fn clients(&self, leg: Leg) -> Clients {
        Clients::new(self.folder.join("pki"), self.names[leg], self.address(leg))
    }

    /// Changes a house's configuration.
    pub fn edit(&self, leg: Leg, from: &str, to: &str) {
        let text = fs::read_to_string(self.config(leg)).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.config(leg), text.replacen(from, to, 1)).unwrap();
    }
}

/// A process of the shipped binary that runs one node or more.
pub struct Process {
    child: Option<Child>,
    log: PathBuf,
}

impl Process {
    /// Starts a process with these configurations; it logs into a file.
    pub fn start(binary: &str, configs: &[PathBuf], log: &Path) -> Self {
        let file = fs::File::options().create(true).append(true).open(log).unwrap();
        let mut command = Command::new(binary);
        command.arg("node");
        for config in configs {
            command.arg("--config").arg(config);
        }
        let child = command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Self { child: Some(child), log: log.to_owned() }
    }

    /// Waits until a node of it answers.
    pub async fn wait_until_serving(&mut self, clients: &Clients) {
        let begin = Instant::now();
        while !clients.is_serving().await {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                panic!("the process ended with {status}:\n{}", self.log_text());
            }
            assert!(begin.elapsed() < PATIENCE, "a node does not answer:\n{}", self.log_text());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn stop(self) -> ExitStatus {
        self.signal("-TERM");
        self.end().await
    }

    /// Sends SIGHUP and waits until so many nodes of it have reloaded their certificates.
    pub async fn reload(&self, nodes: usize) {
        self.signal("-HUP");
        let begin = Instant::now();
        while self.log_text().matches("certificates reloaded").count() < nodes {
            assert!(begin.elapsed() < PATIENCE, "not every node has reloaded:\n{}", self.log_text());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the end. The runtime goes on meanwhile, so that clients can answer a node's farewell.
    pub async fn end(mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        tokio::task::spawn_blocking(move || {
            let begin = Instant::now();
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    return status;
                }
                if begin.elapsed() > PATIENCE {
                    child.kill().unwrap();
                    panic!("the process does not end");
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        })
        .await
        .unwrap()
    }

    /// What it has logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Gone already, or killed now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
