//! Connections that do not speak, that are too many, or that come too late.

use super::*;

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let world = World::with(Limits { handshake_ms_max: 50, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0, "the node closes the connection");
}

#[tokio::test]
async fn a_handshake_that_stops_half_way_is_given_up() {
    let world = World::with(Limits { handshake_ms_max: 100, ..Limits::default() }).await;
    // A record that announces 512 bytes of a ClientHello, and ten of them.
    let mut half = TcpStream::connect(world.address).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0]).await.unwrap();
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest).await;
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_never_speaks_http2_is_given_up() {
    let world = World::with(Limits { preface_ms_max: 50, ..Limits::default() }).await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let config = raw_config(&world, Some(&client));
    let tcp = TcpStream::connect(world.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut io = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    io.write_all(&PREFACE[..10]).await.unwrap();
    let mut rest = Vec::new();
    let _ = io.read_to_end(&mut rest).await;
    assert_eq!(world.connections.count(), 0);
}

#[tokio::test]
async fn silent_sockets_do_not_keep_others_out() {
    let world = World::with(Limits {
        handshakes_max: 4,
        handshakes_per_address_max: 4,
        handshake_ms_max: 100,
        ..Limits::default()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn one_identity_cannot_hold_more_than_its_connections() {
    let world = World::with(Limits { connections_per_identity_max: 2, ..Limits::default() }).await;
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    let _held = connected(&world, &operator, 2).await;
    assert_handshake_refused(world.check(&operator).await);
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
}

#[tokio::test]
async fn connections_in_total_are_bounded_and_the_other_house_has_its_own() {
    let world = World::with(Limits { connections_max: 2, ..Limits::default() }).await;
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    let _held = connected(&world, &operator, 2).await;
    assert_handshake_refused(world.check(&operator).await);
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
}

#[tokio::test]
async fn a_stopped_listener_takes_nobody_and_keeps_whom_it_has() {
    let world = World::start().await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let mut live = world.health(&client);
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    world.stop.cancel();
    // The listener closes when its task has ended.
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
}

/// Clients of that many connections, each served.
async fn connected(world: &World, client: &Issued, count: usize) -> Vec<HealthClient<tonic::transport::Channel>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut connected = world.health(client);
        connected.check(Request::new(HealthCheckRequest::default())).await.unwrap();
        clients.push(connected);
    }
    clients
}
