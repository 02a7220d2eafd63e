//! Whom the server admits, by role.

use super::*;

#[tokio::test]
async fn a_client_with_an_admitted_role_is_served_under_its_identity() {
    let world = World::start().await;
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
}

#[tokio::test]
async fn a_role_that_the_method_does_not_admit_is_told_so() {
    let world = World::start().await;
    let refused = world.check(&world.ficc.client("crossmargin://FICC/role/position-source")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for part in ["/grpc.health.v1.Health/Check", "position-source", "peer, operator"] {
        assert!(refused.message().contains(part), "{part}: {refused}");
    }
}

#[tokio::test]
async fn a_certificate_whose_uri_gives_no_role_is_told_what_was_found_and_what_is_needed() {
    let world = World::start().await;
    for uris in [
        &["crossmargin://FICC/role/operater"][..],
        &["crossmargin://FICC/role/operator", "crossmargin://FICC/role/auditor"],
        &["crossmargin://LCH/role/operator"],
        &[],
    ] {
        let mut leaf = leaf(Usage::Client);
        leaf.uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        let refused = world.check(&world.ficc.authority.issue(&leaf).unwrap()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{uris:?}: {refused}");
        for uri in uris {
            assert!(refused.message().contains(uri), "{uri}: {refused}");
        }
    }
}

#[tokio::test]
async fn no_house_can_vouch_for_the_roles_of_another() {
    let world = World::start().await;
    // The URI names a house, and the certificate is another house's: the chain does not hold.
    let forged =
        [world.ficc.client("crossmargin://CME/role/peer/CME"), world.cme.client("crossmargin://FICC/role/operator")];
    for client in &forged {
        assert_handshake_refused(world.check(client).await);
    }
    // The chain holds, and the house cannot give this role here.
    let misissued = [
        world.ficc.client("crossmargin://FICC/role/peer/CME"),
        world.ficc.client("crossmargin://FICC/role/peer/FICC"),
        world.cme.client("crossmargin://CME/role/operator"),
        world.cme.client("crossmargin://CME/role/peer/LCH"),
    ];
    for client in &misissued {
        let refused = world.check(client).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        assert!(refused.message().contains("takes role peer/<house> from that house alone"), "{refused}");
    }
}
