use super::*;

fn clock() -> ManualClock {
    ManualClock::starting_at_unix(1_000_000)
}

/// Lets guests sleep at once and returns the order in which they woke, and how far the clock went, in seconds.
async fn wake_order(clock: &ManualClock, seconds: &[u64]) -> (Vec<u64>, u64) {
    let start = clock.monotonic();
    let woken = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for &seconds in seconds {
        let (clock, woken) = (clock.clone(), woken.clone());
        let guest = clock.guest();
        tasks.spawn(async move {
            {
                let _blocked = guest.blocked();
                clock.reached(start + Duration::from_secs(seconds)).await;
            }
            woken.lock().unwrap().push(seconds);
        });
    }
    tasks.join_all().await;
    let order = woken.lock().unwrap().clone();
    (order, clock.monotonic().abs_diff(start).as_secs())
}

#[tokio::test]
async fn waiting_guests_wake_in_order_and_cost_no_time() {
    let real = std::time::Instant::now();
    let clock = clock();
    assert_eq!(wake_order(&clock, &[3600, 1, 86_400, 60]).await, (vec![1, 60, 3600, 86_400], 86_400));
    assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(1_086_400));
    assert!(real.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn time_stands_while_a_guest_runs() {
    let clock = clock();
    let start = clock.monotonic();
    let _running = clock.guest();
    let sleeper = clock.guest();
    let _blocked = sleeper.blocked();
    let wait = clock.reached(start + Duration::from_mins(1));
    assert!(tokio::time::timeout(Duration::from_millis(30), wait).await.is_err());
    assert_eq!(clock.monotonic(), start);
}

#[tokio::test]
async fn a_call_under_way_makes_waiting_last_real_time() {
    let clock = clock();
    let start = clock.monotonic();
    let guest = clock.guest();
    let _call = clock.call();
    let _blocked = guest.blocked();
    let real = std::time::Instant::now();
    clock.reached(start + Duration::from_millis(40)).await;
    assert!(real.elapsed() >= Duration::from_millis(40));
    assert_eq!(clock.monotonic(), start + Duration::from_millis(40));
}

#[tokio::test]
async fn a_limit_is_not_jumped_over_and_moves_nothing() {
    let clock = clock();
    let start = clock.monotonic();
    let limit = Clock::from(clock.clone());
    let limit = limit.elapse(Duration::from_secs(30));
    // A guest that waits for something which no clock brings.
    let idle = clock.guest();
    let _blocked = idle.blocked();
    let mut limit = pin!(limit);
    assert!(tokio::time::timeout(Duration::from_millis(30), &mut limit).await.is_err());
    assert_eq!(clock.monotonic(), start);
    // One that sleeps for longer than it may.
    tokio::select! {
        () = limit => assert_eq!(clock.monotonic(), start + Duration::from_secs(30)),
        () = clock.reached(start + Duration::from_hours(1)) => panic!("it slept over its limit"),
    }
}

#[tokio::test]
async fn advancing_wakes_a_waiting_guest() {
    let clock = clock();
    let _running = clock.guest();
    let deadline = clock.monotonic() + Duration::from_mins(1);
    let (waiting, mover) = (clock.clone(), clock.clone());
    tokio::join!(waiting.reached(deadline), async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        mover.advance(Duration::from_secs(61));
    });
    assert_eq!(clock.monotonic(), deadline + Duration::from_secs(1));
}

#[test]
fn the_monotonic_clock_never_goes_back() {
    let clock = clock();
    let start = clock.monotonic();
    clock.set(UNIX_EPOCH);
    assert_eq!((clock.now(), clock.monotonic()), (UNIX_EPOCH, start));
    clock.set(UNIX_EPOCH + Duration::from_secs(5));
    assert_eq!(clock.monotonic(), start + Duration::from_secs(5));
}
