//! Revocations, reloads and renewals on a live server.

use super::*;

#[tokio::test]
async fn a_client_leaves_a_node_whose_certificate_is_revoked() {
    let world = World::start().await;
    let tls = world.client_tls(&world.ficc.client("crossmargin://FICC/role/operator"));
    let address = format!("localhost:{}", world.address.port());
    let channel = channel(&address, tls.subscribe(), TcpDial, &Limits::default()).unwrap();
    let mut client = HealthClient::new(channel);
    client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    world.file("FICC.crl", &world.ficc.revocation_list(&[vec![1]]));
    tls.reload().unwrap();
    client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(world.connections.count(), 1, "the same connection: its certificate still holds");

    world.file("FICC.crl", &world.ficc.revocation_list(std::slice::from_ref(&world.node.serial)));
    tls.reload().unwrap();
    assert_handshake_refused(client.check(Request::new(HealthCheckRequest::default())).await);
}

#[tokio::test]
async fn a_revocation_closes_the_revoked_connection_and_no_other() {
    let world = World::start().await;
    let revoked = world.ficc.client("crossmargin://FICC/role/operator");
    let other = world.cme.client("crossmargin://CME/role/peer/CME");
    let mut revoked_client = world.health(&revoked);
    let mut other_client = world.health(&other);
    revoked_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    other_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(world.connections.count(), 2);

    // A list that cannot be read changes nothing.
    world.file("FICC.crl", "nonsense");
    assert!(world.tls.reload().unwrap_err().to_string().contains("FICC.crl"));
    revoked_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();

    world.file("FICC.crl", &world.ficc.revocation_list(std::slice::from_ref(&revoked.serial)));
    world.tls.reload().unwrap();
    assert_eq!(world.connections.verify_again(&world.tls.current()), 1);
    let refused = revoked_client.check(Request::new(HealthCheckRequest::default())).await.unwrap_err();
    assert_ne!(refused.code(), Code::PermissionDenied, "closed, not answered: {refused}");
    assert_handshake_refused(world.check(&revoked).await);
    other_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(world.connections.identities().len(), 1);
}

#[tokio::test]
async fn a_reload_of_a_node_takes_both_sides_or_neither() {
    let world = World::start().await;
    let peer = world.ficc.client("crossmargin://FICC/role/peer/FICC");
    let files = ClientFiles {
        certificate: world.file("peer.pem", &peer.certificate_pem),
        key: world.file("peer.key", &peer.key_pem),
        server: world.authority_files(&world.cme),
    };
    let tls = NodeTls::load(world.server_files(), files).unwrap();
    let before = (tls.server.current(), tls.peer.current());
    world.file("peer.pem", "nonsense");
    assert!(tls.reload(&world.connections).unwrap_err().to_string().contains("peer.pem"));
    assert!(Arc::ptr_eq(&before.0, &tls.server.current()) && Arc::ptr_eq(&before.1, &tls.peer.current()));
    world.file("peer.pem", &peer.certificate_pem);
    assert_eq!(tls.reload(&world.connections).unwrap(), 0);
    assert!(!Arc::ptr_eq(&before.0, &tls.server.current()) && !Arc::ptr_eq(&before.1, &tls.peer.current()));
}

#[tokio::test]
async fn a_renewed_server_certificate_serves_new_connections_and_live_ones_stay() {
    let world = World::start().await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let mut live = world.health(&client);
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    let before = world.server_serial(&client).await;

    let renewed = world.ficc.node();
    world.file("node.pem", &renewed.certificate_pem);
    let error = world.tls.reload().unwrap_err().to_string();
    assert!(error.contains("node.pem"), "a certificate without its key is not published: {error}");
    assert_eq!(world.server_serial(&client).await, before);

    world.file("node.key", &renewed.key_pem);
    world.tls.reload().unwrap();
    assert_eq!(world.connections.verify_again(&world.tls.current()), 0);
    assert_eq!(world.server_serial(&client).await, renewed.certificate);
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
}
