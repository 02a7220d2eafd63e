//! Houses whose certificate authorities the test holds: it issues what it wants, renews, revokes and rotates.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use gateway::{
    command::certs::authority::{Authority, Issued, Leaf, Period, Usage},
    identity::HouseId,
};

/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// The authorities of one house, and the files that its node and clients read.
pub struct Keeper {
    house: HouseId,
    folder: PathBuf,
    /// The authorities in use with the serial numbers that each revoked, the newest last: it issues.
    authorities: Vec<(Authority, Vec<Vec<u8>>)>,
    number: u64,
}

impl Keeper {
    /// Takes a house's folder over before its node starts: a new authority, and new certificates of node and peer.
    pub fn take_over(pki: &Path, house: &str) -> Self {
        let house: HouseId = house.parse().unwrap();
        let folder = pki.join(house.as_str());
        let mut keeper = Self { house, folder, authorities: Vec::new(), number: 0 };
        keeper.add_authority();
        keeper.renew_node();
        keeper.renew_peer();
        keeper
    }

    /// Adds an authority of the same name, which issues from now on.
    pub fn add_authority(&mut self) {
        let authority = Authority::new(&self.house, Period::starting_at(SystemTime::now(), 30 * DAY)).unwrap();
        self.authorities.push((authority, Vec::new()));
        self.publish();
    }

    /// Drops the oldest authority.
    pub fn drop_authority(&mut self) {
        self.authorities.remove(0);
        self.publish();
    }

    /// Revokes a certificate of the newest authority.
    pub fn revoke(&mut self, serial: &[u8]) {
        self.authorities.last_mut().unwrap().1.push(serial.to_vec());
        self.publish();
    }

    /// Writes authorities and lists as they are now.
    fn publish(&mut self) {
        self.number += 1;
        let period = Period::starting_at(SystemTime::now(), 30 * DAY);
        let mut lists = String::new();
        let mut certificates = String::new();
        for (authority, revoked) in &self.authorities {
            lists += &authority.revocation_list(self.number, period, revoked).unwrap();
            certificates += &authority.certificate_pem();
        }
        write(&self.folder.join("ca.crl"), &lists);
        write(&self.folder.join("ca.pem"), &certificates);
    }

    /// A new certificate and key of the node.
    pub fn renew_node(&self) -> Issued {
        let uri = format!("crossmargin://{}/node", self.house);
        self.place("node", &Leaf { uris: vec![uri], ..self.leaf(Usage::Server) })
    }

    /// A new certificate and key of the node as the other house's client.
    pub fn renew_peer(&self) -> Issued {
        let uri = format!("crossmargin://{0}/role/peer/{0}", self.house);
        self.place("peer", &Leaf { uris: vec![uri], ..self.leaf(Usage::Client) })
    }

    /// A new certificate and key of a client with a role, such as `member/alder-point`, where the support's clients look
    /// for it.
    pub fn renew_client(&self, role: &str) -> Issued {
        let uri = format!("crossmargin://{}/role/{role}", self.house);
        let name = format!("clients/{}", role.replace('/', "-"));
        self.place(&name, &Leaf { uris: vec![uri], ..self.leaf(Usage::Client) })
    }

    /// A certificate with these contents, in files of this name under `clients/`.
    pub fn issue(&self, name: &str, leaf: &Leaf) -> Issued {
        self.place(&format!("clients/{name}"), leaf)
    }

    /// What a certificate says where a test says nothing else.
    pub fn leaf(&self, usage: Usage) -> Leaf {
        Leaf {
            common_name: "a test".into(),
            uris: vec![],
            hosts: vec!["localhost".into()],
            addresses: vec![[127, 0, 0, 1].into()],
            usage,
            period: Period::starting_at(SystemTime::now(), DAY),
        }
    }

    fn place(&self, name: &str, leaf: &Leaf) -> Issued {
        let issued = self.authorities.last().unwrap().0.issue(leaf).unwrap();
        let path = self.folder.join(name);
        write(&path.with_added_extension("key"), &issued.key_pem);
        write(&path.with_added_extension("pem"), &issued.certificate_pem);
        issued
    }
}

/// Writes beside and renames, as whoever rotates does: a reader sees the old file or the new one.
pub fn write(path: &Path, content: &str) {
    let beside = path.with_added_extension("new");
    fs::write(&beside, content).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&beside, path).unwrap();
}
