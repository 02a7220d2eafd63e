//! Waiting until something shows at a node.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::command::failure::Failure;

/// How often a node is asked.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks until there is an answer. `ask` says in words how things stand while there is none.
///
/// # Errors
/// After `limit`: what was waited for, and how things stood last.
pub(super) async fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + limit;
    loop {
        let standing = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(standing) => standing,
        };
        if Instant::now() >= deadline {
            return Err(Failure::new(format!("{what} did not come within {} s: {standing}", limit.as_secs())));
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_with_the_answer_or_with_how_things_stood() {
        let mut asked = 0;
        let answer = until("the third answer", Duration::from_secs(1), async || {
            asked += 1;
            if asked == 3 { Ok(asked) } else { Err("not yet".to_owned()) }
        });
        assert_eq!(answer.await, Ok(3));
        let none = until("rain", Duration::ZERO, async || Err::<(), _>("the sky is blue".to_owned())).await;
        assert_eq!(none.unwrap_err().to_string(), "rain did not come within 0 s: the sky is blue");
    }
}
