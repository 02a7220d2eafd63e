//! An authority that replaces another under the same name, and both in use meanwhile.

use super::*;

/// The own house's authority, and the one of the same name that is to replace it.
struct Overlap {
    files: Files,
    next: House,
}

impl Overlap {
    fn new() -> Self {
        let overlap = Self { files: Files::new(), next: House::new("FICC") };
        let both = [&overlap.files.ficc, &overlap.next].map(|house| house.authority.certificate_pem());
        overlap.files.file("FICC.pem", &both.concat());
        overlap
    }

    fn lists(&self, lists: &[String]) {
        self.files.file("FICC.crl", &lists.concat());
    }

    fn outcome(&self, client: &Issued) -> String {
        let tls = ServerTls::load(&self.files.server_files()).unwrap();
        let verified = tls.verify(std::slice::from_ref(&client.certificate));
        verified.map_or_else(|error| error.to_string(), |()| "holds".to_owned())
    }
}

const OPERATOR: &str = "crossmargin://FICC/role/operator";

#[test]
fn two_authorities_of_one_name_vouch_for_their_clients_each_under_its_own_list() {
    let overlap = Overlap::new();
    let (old, new) = (&overlap.files.ficc, &overlap.next);
    let (of_old, of_new) = (old.client(OPERATOR), new.client(OPERATOR));
    let revoked = |client: &Issued| vec![client.serial.clone()];
    for (case, lists, outcome_of_old, outcome_of_new) in [
        ("both current", [old.revocation_list(&[]), new.revocation_list(&[])], "holds", "holds"),
        ("the other order", [new.revocation_list(&[]), old.revocation_list(&[])], "holds", "holds"),
        ("one revoked", [old.revocation_list(&revoked(&of_old)), new.revocation_list(&[])], "Revoked", "holds"),
        ("the other revoked", [old.revocation_list(&[]), new.revocation_list(&revoked(&of_new))], "holds", "Revoked"),
        // A serial number counts for its own authority alone.
        ("swapped", [old.revocation_list(&revoked(&of_new)), new.revocation_list(&revoked(&of_old))], "holds", "holds"),
    ] {
        overlap.lists(&lists);
        let outcomes = [overlap.outcome(&of_old), overlap.outcome(&of_new)];
        for (outcome, needed) in outcomes.iter().zip([outcome_of_old, outcome_of_new]) {
            assert!(outcome.contains(needed), "{case}: {outcomes:?}");
        }
    }
    // With the list of one alone, the other's clients are refused: every certificate needs a list of its issuer.
    overlap.lists(&[old.revocation_list(&[])]);
    assert_eq!(overlap.outcome(&of_old), "holds");
    assert!(overlap.outcome(&of_new).contains("BadSignature"), "{}", overlap.outcome(&of_new));
}

#[test]
fn a_revocation_counts_whichever_list_of_its_authority_says_it() {
    let overlap = Overlap::new();
    let (old, new) = (&overlap.files.ficc, &overlap.next);
    let client = old.client(OPERATOR);
    // Expired or another's, one list cannot lift what the right one says.
    overlap.lists(&[new.revocation_list(&[]), old.revocation_list(std::slice::from_ref(&client.serial))]);
    assert!(overlap.outcome(&client).contains("Revoked"));
    let yesterday = Period { from: SystemTime::now() - 2 * DAY, until: SystemTime::now() - DAY };
    let expired = old.authority.revocation_list(1, yesterday, &[]).unwrap();
    overlap.lists(&[expired, new.revocation_list(&[])]);
    let outcome = overlap.outcome(&client);
    assert!(outcome.contains("expired"), "the reason is the list of its own authority: {outcome}");
}

#[test]
fn lists_that_cannot_be_told_apart_or_read_are_refused_with_the_house() {
    let overlap = Overlap::new();
    let refusal = |lists: &[String]| {
        overlap.lists(lists);
        ServerTls::load(&overlap.files.server_files()).unwrap_err().to_string()
    };
    let many: Vec<String> = (0..17).map(|_| House::new("FICC").revocation_list(&[])).collect();
    let error = refusal(&many);
    assert!(error.contains("FICC") && error.contains("too many authorities") && error.contains("17 ways"), "{error}");
    overlap.lists(&many[..16]);
    ServerTls::load(&overlap.files.server_files()).unwrap();
    let error = refusal(&["-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".to_owned()]);
    assert!(error.contains("FICC") && error.contains("a revocation list is not X.509"), "{error}");
}

#[tokio::test]
async fn a_node_with_a_certificate_of_either_authority_is_believed_while_both_are_in_use() {
    let world = World::start().await;
    let next = House::new("FICC");
    let both = [&world.ficc, &next].map(|house| house.authority.certificate_pem());
    world.file("FICC.pem", &both.concat());
    world.file("FICC.crl", &[next.revocation_list(&[]), world.ficc.revocation_list(&[])].concat());
    world.tls.reload().unwrap();
    let clients = [world.ficc.client(OPERATOR), next.client(OPERATOR)];
    for node in [&world.node, &next.node()] {
        world.file("node.pem", &node.certificate_pem);
        world.file("node.key", &node.key_pem);
        world.tls.reload().unwrap();
        for client in &clients {
            world.check(client).await.unwrap();
        }
    }
}
