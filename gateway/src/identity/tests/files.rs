//! Files that contradict one another.

use super::*;

#[test]
fn one_authority_cannot_stand_for_two_houses() {
    let world = Files::new();
    let mut peer = world.authority_files(&world.cme);
    peer.certificates = world.authority_files(&world.ficc).certificates;
    let error = ServerTls::load(&ServerFiles { peers: vec![peer], ..world.server_files() }).unwrap_err().to_string();
    assert!(error.contains("CME") && error.contains("FICC"), "{error}");
}

#[test]
fn a_node_does_not_start_with_another_houses_certificate() {
    let world = Files::new();
    let issued = world.cme.node();
    world.file("node.pem", &issued.certificate_pem);
    world.file("node.key", &issued.key_pem);
    let error = ServerTls::load(&world.server_files()).unwrap_err().to_string();
    for part in ["node.pem", "crossmargin://CME/node", "crossmargin://FICC/node"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}
