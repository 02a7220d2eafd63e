//! What a node does not start on.

use tonic::transport::Endpoint;

use super::*;
use crate::arrangement::parties::{ArrangementMode, Party};

#[tokio::test]
async fn a_node_does_not_start_on_a_ledger_of_another_house_arrangement_or_mode() {
    let arrangement = Arc::new(Arrangement::from_toml(DEFAULT_TOML).unwrap());
    let own = arrangement.parties.party(Leg::Treasury);
    let start_on = async |party: Party| {
        start(Parts {
            us: Leg::Treasury,
            arrangement: Arc::clone(&arrangement),
            clock: Arc::new(SystemClock),
            executor: Executor::Threads,
            ledger: Arc::new(MemoryLedger::unsigned(party)),
            blobs: Arc::new(MemoryBlobStore::new()),
            signing_key: SigningKey::from_seed(&[1; 32]).unwrap(),
            verifying_keys: VerifyingKeys::new(),
            peer: Endpoint::from_static("http://127.0.0.1:1").connect_lazy(),
            limits: Limits::default(),
        })
        .await
    };
    let others = [
        arrangement.parties.party(Leg::Futures),
        Party { arrangement: "FICC-RFX".parse().unwrap(), ..own.clone() },
        Party { mode: ArrangementMode::Rehearsal, ..own.clone() },
    ];
    for other in others {
        let Err(error) = start_on(other.clone()).await else { panic!("{other}: it started") };
        assert!(error.to_string().contains(&format!("belongs to {other}, not to {own}")), "{error}");
    }
    start_on(own).await.unwrap().stop(Duration::from_secs(5)).await;
}
