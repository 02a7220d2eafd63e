use std::collections::BTreeSet;

use toml::{Table, Value};

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("node.toml"))
}

/// The example with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert_eq!(EXAMPLE.matches(line).count(), 1, "{line} must be one line of the example");
    EXAMPLE.replace(line, replacement)
}

#[test]
fn the_example_parses_and_shows_the_defaults() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.shutdown_ms_max, default_shutdown_ms_max());
    let defaults = TelemetryConfig::default();
    assert_eq!(TelemetryConfig { otlp_endpoint: None, ..config.telemetry }, defaults);
    assert!(config.tls.enforce_revocation_expiry);
}

/// The example holds every key: each table, given an unknown key, lists the keys that it expects.
#[test]
fn the_example_shows_every_key() {
    let example: Table = EXAMPLE.parse().unwrap();
    let tables: [&[&str]; 9] = [
        &[],
        &["tls"],
        &["peer"],
        &["peer", "statement_keys"],
        &["statement_key"],
        &["statement_key", "former"],
        &["limits"],
        &["limits", "calls"],
        &["telemetry"],
    ];
    for path in tables {
        let mut probed = example.clone();
        let table = descend(&mut probed, path);
        let shown: BTreeSet<String> = table.keys().cloned().collect();
        table.insert("probe".into(), Value::Integer(1));
        let error = probed.try_into::<Config>().unwrap_err();
        let error = error.message();
        let (_, expected) = error.split_once("expected one of").unwrap_or_else(|| panic!("{path:?}: {error}"));
        let expected: BTreeSet<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(shown, expected, "{path:?}");
    }
}

fn descend<'a>(table: &'a mut Table, path: &[&str]) -> &'a mut Table {
    let Some((first, rest)) = path.split_first() else { return table };
    match table.get_mut(*first).unwrap() {
        Value::Table(inner) => descend(inner, rest),
        Value::Array(list) => descend(list[0].as_table_mut().unwrap(), rest),
        other => panic!("{first} is {other}"),
    }
}

#[test]
fn every_key_of_the_example_is_explained_by_a_comment() {
    let mut explained: Vec<&str> = Vec::new();
    let mut commented = false;
    for line in EXAMPLE.lines() {
        match line.split_once(" = ") {
            Some((key, _)) if !line.starts_with('#') => {
                // The second list of keys repeats the names of the first.
                assert!(commented || explained.contains(&key), "{key} has no comment");
                explained.push(key);
                commented = false;
            }
            _ => commented = line.starts_with('#'),
        }
    }
}

#[test]
fn an_error_names_the_file_the_line_the_key_and_the_reason() {
    let line = |needle: &str| EXAMPLE.lines().position(|line| line == needle).unwrap() + 1;
    let cases = [
        ("house = \"FICC\"", "house = \"FI CC\"", "house", "another character"),
        ("listen = \"127.0.0.1:7401\"", "listen = \"localhost\"", "listen", "socket address"),
        ("listen = \"127.0.0.1:7401\"", "lisen = \"127.0.0.1:7401\"", "lisen", "unknown field `lisen`"),
        ("shutdown_ms_max = 10000", "shutdown_ms_max = 0", "shutdown_ms_max", "outside 1 to 600000"),
        ("shutdown_ms_max = 10000", "shutdown_ms_max = -1", "shutdown_ms_max", "-1"),
        ("house = \"CME\"", "house = \"FICC\"", "peer.house", "own house"),
        ("address = \"127.0.0.1:7402\"", "address = \"cme\"", "peer.address", "host:port"),
        ("frame_bytes_max = 65536", "frame_bytes_max = 1", "limits.frame_bytes_max", "16384"),
        ("handshakes_max = 64", "handshakes_max = 0", "limits.handshakes_max", "at least 1"),
        ("handshakes_max = 64", "handshakes_max = \"64\"", "limits.handshakes_max", "invalid type"),
        (
            "peer = { per_second = 2000, burst = 10000 }",
            "peer = { per_second = 0, burst = 10000 }",
            "limits.calls.peer",
            "nonzero",
        ),
        ("log_format = \"text\"", "log_format = \"xml\"", "telemetry.log_format", "unknown variant"),
        ("log = \"info\"", "log = \"gateway=loud\"", "telemetry.log", "gateway=loud"),
        (
            "otlp_endpoint = \"http://127.0.0.1:4317\"",
            "otlp_endpoint = \"127.0.0.1:4317\"",
            "telemetry.otlp_endpoint",
            "http://host:port",
        ),
        (
            "key_id = \"00112233445566778899aabbccddeeff\"",
            "key_id = \"0011\"",
            "statement_key.key_id",
            "32 hexadecimal digits",
        ),
    ];
    for (before, after, key, reason) in cases {
        let error = parse(&with(before, after)).unwrap_err().to_string();
        let start = format!("node.toml:{}: {key}: ", line(before));
        assert!(error.starts_with(&start), "{start:?} expected: {error}");
        assert!(error.contains(reason), "{reason:?} expected: {error}");
    }
}

#[test]
fn a_missing_key_is_named_with_its_table() {
    let error = parse(&with("client_ca = \"pki/FICC/ca.pem\"", "")).unwrap_err().to_string();
    assert!(error.contains(": tls: ") && error.contains("client_ca"), "{error}");
    let error = parse("").unwrap_err().to_string();
    assert!(error.starts_with("node.toml:1: ") && error.contains("house"), "{error}");
}

#[test]
fn a_statement_key_whose_time_ends_before_it_starts_is_refused() {
    let text = with("valid_until = \"2030-01-01T00:00:00Z\"", "valid_until = \"2026-01-01T00:00:00Z\"");
    // The line now stands twice, so the fault is the first list's.
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("peer.statement_keys") && error.contains("not before"), "{error}");
}

#[test]
fn relative_paths_start_at_the_file_and_absolute_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    fs::write(&path, with("data_directory = \"data\"", "data_directory = \"/var/lib/crossmargin\"")).unwrap();
    let config = Config::load(&path).unwrap();
    assert_eq!(config.data_directory, Path::new("/var/lib/crossmargin"));
    assert_eq!(config.tls.key, folder.path().join("pki/FICC/node.key"));
    assert_eq!(config.statement_key.former[0].file, folder.path().join("pki/FICC/statement-2025.pub"));
    assert_eq!(config.peer.revocation_lists, [folder.path().join("pki/CME/ca.crl")]);
    let missing = Config::load(&folder.path().join("none.toml")).unwrap_err().to_string();
    assert!(missing.contains("none.toml") && missing.contains("cannot be read"), "{missing}");
}

#[test]
fn keys_are_loaded_for_both_houses_and_checked_against_the_configured_id() {
    let folder = tempfile::tempdir().unwrap();
    let ficc = SigningKey::generate().unwrap();
    let text = with("key_id = \"00112233445566778899aabbccddeeff\"", &format!("key_id = \"{}\"", ficc.id()));
    let (text, _) = text.split_once("# Public keys that signed earlier").unwrap();
    let path = folder.path().join("node.toml");
    fs::write(&path, text).unwrap();
    let config = Config::load(&path).unwrap();

    let pki = crate::command::certs::tests_pki(folder.path());
    let error = config.signing_key().unwrap_err().to_string();
    assert!(error.contains("statement.key") && error.contains(&ficc.id().to_string()), "{error}");
    let config = Config { statement_key: StatementKeyConfig { key_id: None, ..config.statement_key }, ..config };
    let own = config.signing_key().unwrap();
    let ids: BTreeSet<String> = config.verifying_keys(&own).unwrap().ids().map(|id| id.to_string()).collect();
    assert_eq!(ids, pki.houses.iter().map(|house| house.statement_key.key_id.clone()).collect());
    crate::identity::ServerTls::load(&config.server_files()).unwrap();
    crate::identity::ClientTls::load(&config.peer_files()).unwrap();
}
