//! Who gets through the handshake, with what, and whom a client believes.

use super::*;

#[tokio::test]
async fn a_client_without_a_valid_certificate_is_refused_in_the_handshake() {
    let world = World::start().await;
    let operator = "crossmargin://FICC/role/operator";
    let now = SystemTime::now();
    let with = |change: &dyn Fn(&mut Leaf)| {
        let mut leaf = Leaf { uris: vec![operator.into()], ..leaf(Usage::Client) };
        change(&mut leaf);
        world.ficc.authority.issue(&leaf).unwrap()
    };
    world.check(&with(&|_| {})).await.unwrap();

    let expired = with(&|leaf| leaf.period = Period { from: now - 2 * DAY, until: now - DAY });
    assert_handshake_refused(world.raw(Some(&expired)).await);
    let early = with(&|leaf| leaf.period = Period { from: now + DAY, until: now + 2 * DAY });
    assert_handshake_refused(world.raw(Some(&early)).await);
    assert_handshake_refused(world.check(&with(&|leaf| leaf.usage = Usage::Server)).await);
    let stranger = House::new("FICC").client(operator);
    assert_handshake_refused(world.check(&stranger).await);
    assert_handshake_refused(world.raw(None).await);
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused() {
    let world = World::start().await;
    let mut tcp = TcpStream::connect(world.address).await.unwrap();
    tcp.write_all(&client_hello_of_tls_1_2()).await.unwrap();
    let mut alert = [0; 7];
    tcp.read_exact(&mut alert).await.unwrap();
    // A fatal alert, protocol_version (RFC 8446, section 6).
    assert_eq!((alert[0], &alert[5..]), (21, &[2, 70][..]));
}

#[tokio::test]
async fn the_hybrid_post_quantum_key_exchange_is_chosen_and_no_session_is_resumed() {
    let world = World::start().await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let config = Arc::new(raw_config(&world, Some(&client)));
    for _ in 0..2 {
        let tcp = TcpStream::connect(world.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut io = TlsConnector::from(Arc::clone(&config)).connect(name, tcp).await.unwrap();
        io.write_all(PREFACE).await.unwrap();
        io.read_exact(&mut [0; 9]).await.unwrap();
        let session = io.get_ref().1;
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(session.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn a_client_believes_the_node_of_the_expected_house_alone() {
    let world = World::start().await;
    // The certificate is the own house's and its name is right, but it is not a node's.
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    for uris in [&["crossmargin://CME/node"][..], &["crossmargin://FICC/role/operator"], &[]] {
        let mut leaf = leaf(Usage::Server);
        leaf.uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        let issued = world.ficc.authority.issue(&leaf).unwrap();
        let refused = check(serve_plainly(&issued).await, &world.client_tls(&operator)).await.unwrap_err();
        assert!(format!("{refused:?}").contains("needed is exactly one, crossmargin://FICC/node"), "{refused:?}");
    }
    // Another authority's node.
    let tls = Tls::client(ClientFiles {
        certificate: world.file("c.pem", &operator.certificate_pem),
        key: world.file("c.key", &operator.key_pem),
        server: world.authority_files(&world.cme),
    })
    .unwrap();
    let refused = check(world.address, &tls).await.unwrap_err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
}
