//! What to make: the names, roles and lifetimes of every certificate.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{KeyPair, PKCS_ED25519};

use super::{
    CertsArgs,
    authority::{Authority, Issued, Leaf, Period, Usage},
    files::{CertsError, Files},
    report::{House, Pair, Report, StatementKey},
};
use crate::identity::{
    HouseId, Role, SigningKey,
    role::{NodeUri, RoleUri},
};

/// The roles that every house gives a client, beside its members and customers.
const STAFF: [Role; 6] =
    [Role::PositionSource, Role::MarketSource, Role::MarginReader, Role::Administrator, Role::Operator, Role::Auditor];

/// What to make, checked.
#[derive(Debug)]
pub struct Plan {
    out: PathBuf,
    houses: Vec<HouseId>,
    roles: Vec<Role>,
    hosts: Vec<String>,
    addresses: Vec<IpAddr>,
    authority: Period,
    node: Period,
    client: Period,
}

impl Plan {
    /// Checks the arguments; `now` is when the lifetimes start.
    ///
    /// # Errors
    /// [`CertsError::Argument`] names the argument and the reason.
    pub fn new(args: &CertsArgs, now: SystemTime) -> Result<Self, CertsError> {
        let period = |days: u32| Period::starting_at(now, Duration::from_secs(u64::from(days) * 86_400));
        for (flag, days) in [("--node-days", args.node_days), ("--client-days", args.client_days)] {
            if days > args.ca_days {
                let problem =
                    format!("{flag} {days} is beyond the authority's life of {} days (--ca-days)", args.ca_days);
                return Err(CertsError::Argument(problem));
            }
        }
        let mut roles = STAFF.to_vec();
        roles.extend(args.members.iter().cloned().map(Role::Member));
        roles.extend(args.members.iter().cloned().map(Role::MemberAdministrator));
        roles.extend(args.customers.iter().cloned().map(Role::Customer));
        refuse_twice(args.houses.iter())?;
        refuse_twice(roles.iter())?;
        let (mut hosts, mut addresses) = (vec!["localhost".to_owned()], vec![]);
        addresses.extend(["127.0.0.1", "::1"].iter().filter_map(|text| text.parse::<IpAddr>().ok()));
        for host in &args.hosts {
            match host.parse() {
                Ok(address) => addresses.push(address),
                Err(_) if rustls_pki_types::DnsName::try_from(host.as_str()).is_ok() => hosts.push(host.clone()),
                Err(_) => {
                    return Err(CertsError::Argument(format!("--host {host:?} is no host name and no IP address")));
                }
            }
        }
        Ok(Self {
            out: args.out.clone(),
            houses: args.houses.clone(),
            roles,
            hosts,
            addresses,
            authority: period(args.ca_days),
            node: period(args.node_days),
            client: period(args.client_days),
        })
    }

    /// Makes everything, in memory.
    ///
    /// # Errors
    /// [`CertsError::Make`] when a key or a certificate cannot be made.
    pub fn carry_out(&self) -> Result<(Files, Report), CertsError> {
        let mut files = Files::default();
        let houses = self.houses.iter().map(|house| self.house(house, &mut files)).collect::<Result<_, _>>()?;
        Ok((files, Report { folder: self.out.clone(), houses }))
    }

    fn house(&self, house: &HouseId, files: &mut Files) -> Result<House, CertsError> {
        let folder = self.out.join(house.as_str());
        let authority = Authority::new(house, self.authority)?;
        let ca = files.public(folder.join("ca.pem"), authority.certificate_pem());
        let node = authority.issue(&Leaf {
            common_name: format!("{house} node"),
            uris: vec![NodeUri { house: house.clone() }.to_string()],
            hosts: self.hosts.clone(),
            addresses: self.addresses.clone(),
            usage: Usage::Server,
            period: self.node,
        })?;
        let peer = self.client(&authority, house, Role::Peer(house.clone()), self.node)?;
        Ok(House {
            house: house.to_string(),
            ca,
            ca_key: files.secret(folder.join("ca.key"), authority.key_pem()),
            revocation_list: files.public(folder.join("ca.crl"), authority.revocation_list(1, self.authority, &[])?),
            node: pair(files, &folder, "node", "node", &node),
            peer: pair(files, &folder, "peer", &Role::Peer(house.clone()).to_string(), &peer),
            statement_key: statement_key(files, &folder)?,
            clients: self
                .roles
                .iter()
                .map(|role| self.staff(&authority, house, role, files))
                .collect::<Result<_, _>>()?,
        })
    }

    fn staff(
        &self,
        authority: &Authority,
        house: &HouseId,
        role: &Role,
        files: &mut Files,
    ) -> Result<Pair, CertsError> {
        let issued = self.client(authority, house, role.clone(), self.client)?;
        // Neither a role nor an id holds a slash, so this is one file name.
        let name = role.to_string().replace('/', "-");
        Ok(pair(files, &self.out.join(house.as_str()).join("clients"), &name, &role.to_string(), &issued))
    }

    fn client(&self, authority: &Authority, house: &HouseId, role: Role, period: Period) -> Result<Issued, CertsError> {
        let uri = RoleUri { house: house.clone(), role };
        let leaf = Leaf {
            common_name: format!("{house} {}", uri.role),
            uris: vec![uri.to_string()],
            hosts: vec![],
            addresses: vec![],
            usage: Usage::Client,
            period,
        };
        Ok(authority.issue(&leaf)?)
    }
}

fn pair(files: &mut Files, folder: &Path, name: &str, role: &str, issued: &Issued) -> Pair {
    Pair {
        role: role.to_owned(),
        certificate: files.public(folder.join(format!("{name}.pem")), issued.certificate_pem.clone()),
        key: files.secret(folder.join(format!("{name}.key")), issued.key_pem.clone()),
        serial: hex::encode(&issued.serial),
    }
}

fn statement_key(files: &mut Files, folder: &Path) -> Result<StatementKey, CertsError> {
    let pair = KeyPair::generate_for(&PKCS_ED25519)?;
    let key_pem = pair.serialize_pem();
    let key = SigningKey::from_pkcs8(key_pem.as_bytes()).map_err(|error| CertsError::Make(error.to_string()))?;
    Ok(StatementKey {
        key_id: key.id().to_string(),
        key: files.secret(folder.join("statement.key"), key_pem),
        public: files.public(folder.join("statement.pub"), pair.public_key_pem()),
    })
}

fn refuse_twice<T: Ord + std::fmt::Display>(names: impl Iterator<Item = T>) -> Result<(), CertsError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if seen.contains(&name) {
            return Err(CertsError::Argument(format!("{name} is given twice")));
        }
        seen.insert(name);
    }
    Ok(())
}
