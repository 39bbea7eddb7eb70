//! A few rounds of the crash harness; `cargo xtask crash --rounds 200` runs more.

use std::time::Duration;

use xtask::crash::{Options, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_over_several_kills() {
    let options = Options {
        binary: env!("CARGO_BIN_EXE_mainstay").into(),
        rounds: 4,
        longest: Duration::from_millis(600),
        seed: 3,
        writers: 4,
    };
    let summary = run(&options, &mut |line| println!("{line}")).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(summary.rounds, 4);
    assert!(summary.acknowledged >= 4, "{}", summary.line());
}
