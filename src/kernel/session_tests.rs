//! Fetch sessions, step by step.

use super::*;

fn wanted(partition: i32, offset: i64) -> Wanted {
    Wanted {
        topic: TopicKey::Name("t".into()),
        partition,
        offset,
        bytes_max: 1000,
        leader_epoch: -1,
        last_fetched_epoch: -1,
    }
}

fn request(id: i32, epoch: i32, wanted: Vec<Wanted>) -> Request {
    Request { id, epoch, by_id: false, wanted, forgotten: Vec::new(), new_id: 77, connection: 1 }
}

fn answered(high_watermark: i64, has_records: bool) -> Answered {
    Answered { high_watermark, log_start_offset: 0, has_records, must_answer: false }
}

fn order(opened: &Opened) -> Vec<i32> {
    opened.wanted.iter().map(|wanted| wanted.partition).collect()
}

#[test]
fn an_incremental_answer_names_only_news() {
    let mut sessions = Sessions::new(2);
    let full = sessions.open(0, request(0, 0, vec![wanted(0, 5), wanted(1, 5)])).unwrap();
    assert_eq!((full.session_id, full.incremental), (77, false));
    let named = sessions.answer(&full, &[answered(9, false), answered(9, false)]);
    assert_eq!(named, [true, true]);
    let next = sessions.open(1, request(77, 1, vec![])).unwrap();
    assert_eq!(order(&next), [0, 1]);
    assert_eq!(sessions.answer(&next, &[answered(9, false), answered(10, false)]), [false, true]);
    let next = sessions.open(1, request(77, 2, vec![])).unwrap();
    assert_eq!(sessions.answer(&next, &[answered(9, true), answered(10, false)]), [true, false]);
    // Partition 0 gave records and stands behind partition 1 now.
    let next = sessions.open(1, request(77, 3, vec![])).unwrap();
    assert_eq!(order(&next), [1, 0]);
}

#[test]
fn errors_are_named_every_time() {
    let mut sessions = Sessions::new(2);
    let error = Answered {
        high_watermark: -1,
        log_start_offset: -1,
        has_records: false,
        must_answer: true,
    };
    let full = sessions.open(0, request(0, 0, vec![wanted(0, 5)])).unwrap();
    sessions.answer(&full, &[error]);
    for epoch in 1..4 {
        let next = sessions.open(1, request(77, epoch, vec![])).unwrap();
        assert_eq!(sessions.answer(&next, &[error]), [true]);
    }
}

#[test]
fn wrong_epochs_are_refused_and_the_session_survives() {
    let mut sessions = Sessions::new(2);
    sessions.open(0, request(0, 0, vec![wanted(0, 5)])).unwrap();
    assert_eq!(sessions.open(1, request(77, 9, vec![])), Err(Error::WrongEpoch));
    assert_eq!(sessions.open(1, request(78, 1, vec![])), Err(Error::UnknownId));
    assert_eq!(sessions.open(1, request(0, 1, vec![])), Err(Error::UnknownId));
    assert_eq!(sessions.open(1, request(0, -2, vec![])), Err(Error::UnknownId));
    let mut by_id = request(77, 1, vec![wanted(1, 0)]);
    by_id.by_id = true;
    assert_eq!(sessions.open(1, by_id), Err(Error::TopicIdMismatch));
    assert!(sessions.open(1, request(77, 1, vec![])).is_ok());
}

#[test]
fn full_requests_close_or_replace_the_session_they_name() {
    let mut sessions = Sessions::new(2);
    sessions.open(0, request(0, 0, vec![wanted(0, 5)])).unwrap();
    let full = sessions.open(1, request(77, FINAL_EPOCH, vec![wanted(0, 6)])).unwrap();
    assert_eq!((full.session_id, sessions.len()), (NO_SESSION, 0));
    let empty = sessions.open(1, request(0, 0, vec![])).unwrap();
    assert_eq!(empty.session_id, 77);
    let replaced = sessions.open(1, request(77, 0, vec![wanted(3, 0)])).unwrap();
    assert_eq!((replaced.session_id, sessions.len()), (77, 1));
}

#[test]
fn partitions_are_changed_added_and_forgotten() {
    let mut sessions = Sessions::new(2);
    sessions.open(0, request(0, 0, vec![wanted(0, 5), wanted(1, 5)])).unwrap();
    let mut change = request(77, 1, vec![wanted(1, 8), wanted(2, 0)]);
    change.forgotten.push((TopicKey::Name("t".into()), 0));
    let opened = sessions.open(1, change).unwrap();
    assert_eq!(order(&opened), [1, 2]);
    assert_eq!(opened.wanted[0].offset, 8);
}

#[test]
fn a_partition_listed_twice_counts_by_its_last_entry() {
    let mut sessions = Sessions::new(2);
    let list = vec![wanted(0, 1), wanted(1, 1), wanted(0, 2)];
    let opened = sessions.open(0, request(0, FINAL_EPOCH, list)).unwrap();
    assert_eq!(order(&opened), [0, 1]);
    assert_eq!(opened.wanted[0].offset, 2);
}

#[test]
fn a_full_cache_declines_or_evicts() {
    let mut sessions = Sessions::new(1);
    sessions.open(0, request(0, 0, vec![wanted(0, 5)])).unwrap();
    let mut second = request(0, 0, vec![wanted(0, 5)]);
    second.new_id = 78;
    assert_eq!(sessions.open(1000, second.clone()).unwrap().session_id, NO_SESSION);
    assert_eq!(sessions.open(121_000, second).unwrap().session_id, 78);
    assert_eq!(sessions.open(121_000, request(77, 1, vec![])), Err(Error::UnknownId));
}

#[test]
fn a_session_without_partitions_ends() {
    let mut sessions = Sessions::new(2);
    sessions.open(0, request(0, 0, vec![wanted(0, 5)])).unwrap();
    let forgotten = vec![(TopicKey::Name("t".into()), 0)];
    let last = Request { forgotten, ..request(77, 1, vec![]) };
    let opened = sessions.open(1, last).unwrap();
    assert_eq!((opened.session_id, opened.wanted.len()), (NO_SESSION, 0));
    assert_eq!(sessions.open(1, request(77, 2, vec![])), Err(Error::UnknownId));
    // One that was opened without partitions ends with the next request, unless that brings some.
    for wanted in [vec![], vec![wanted(0, 5)]] {
        sessions.open(2, request(0, 0, vec![])).unwrap();
        let id = if wanted.is_empty() { NO_SESSION } else { 77 };
        assert_eq!(sessions.open(2, request(77, 1, wanted)).unwrap().session_id, id);
    }
}

#[test]
fn an_answer_to_a_list_that_has_changed_meanwhile_finds_its_partitions() {
    let mut sessions = Sessions::new(2);
    let all = (0..4).map(|partition| wanted(partition, 5)).collect();
    let full = sessions.open(0, request(0, 0, all)).unwrap();
    sessions.answer(&full, &[answered(9, false); 4]);
    let slow = sessions.open(1, request(77, 1, vec![])).unwrap();
    // While it is read, partition 1 is forgotten and partition 2 gives records to another.
    let mut change = request(77, 2, vec![]);
    change.forgotten.push((TopicKey::Name("t".into()), 1));
    let quick = sessions.open(1, change).unwrap();
    assert_eq!(order(&quick), [0, 2, 3]);
    let given = [answered(9, false), answered(9, true), answered(9, false)];
    assert_eq!(sessions.answer(&quick, &given), [false, true, false]);
    let late = [answered(9, false), answered(9, false), answered(9, false), answered(10, false)];
    assert_eq!(sessions.answer(&slow, &late), [false, true, true, true]);
    let next = sessions.open(1, request(77, 3, vec![])).unwrap();
    assert_eq!(order(&next), [0, 3, 2]);
    let same = [answered(9, false), answered(10, false), answered(9, false)];
    assert_eq!(sessions.answer(&next, &same), [false; 3]);
}

#[test]
fn the_session_of_an_ended_connection_waits_for_its_client_and_goes() {
    let mut sessions = Sessions::new(2);
    sessions.open(0, request(0, 0, vec![wanted(0, 5)])).unwrap();
    sessions.leave(100, 2);
    sessions.sweep(100 + LEFT_KEPT_MS);
    assert_eq!(sessions.len(), 1, "it is another's");
    sessions.leave(100, 1);
    sessions.sweep(99 + LEFT_KEPT_MS);
    let again = Request { connection: 3, ..request(77, 1, vec![]) };
    assert!(sessions.open(101 + LEFT_KEPT_MS, again).is_ok());
    sessions.leave(102 + LEFT_KEPT_MS, 1);
    sessions.sweep(i64::MAX);
    assert_eq!(sessions.len(), 1, "its client is back on another connection");
    sessions.leave(200 + LEFT_KEPT_MS, 3);
    sessions.sweep(200 + 2 * LEFT_KEPT_MS);
    assert_eq!(sessions.open(0, request(77, 2, vec![])), Err(Error::UnknownId));
}
