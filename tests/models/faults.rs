//! Every way a server fails: what may pass is tried again, what is wrong is refused.

use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use shortform::models::{Error, Event, HubError, Settings, Token};

use super::{
    hub::{COMMIT, Fault, Hub, Request},
    pull::{assert_installed, assert_not_installed, content, pull},
};

/// A fault for requests whose path contains `word`, as long as they were asked for less than `times` before.
fn at(word: &'static str, times: usize, fault: Fault) -> impl Fn(&Request, usize) -> Option<Fault> {
    move |request, before| (request.path.contains(word) && before < times).then(|| fault.clone())
}

/// Waits that were told.
fn retries(said: &[Event]) -> Vec<f64> {
    let seconds = said.iter().filter_map(|event| match event {
        Event::Retried { seconds, .. } => Some(*seconds),
        _ => None,
    });
    seconds.collect()
}

#[test]
fn a_cut_at_any_byte_is_gone_on_from() {
    let size = content().files["unet/weights.pb"].len();
    let mut random = 7usize;
    for _ in 0..20 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let cut = (random >> 33) % size;
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at("name=unet/weights.pb", 1, Fault::Cut(cut)));
        let (pulled, said) = pull(folder.path(), hub.settings());
        pulled.unwrap();
        assert_installed(folder.path());
        assert_eq!(retries(&said).len(), 1);
        let asked = hub.asked();
        let again: Vec<_> =
            asked.iter().filter(|request| request.path.contains("name=unet/weights.pb")).collect();
        if cut > 0 {
            assert_eq!(again[1].headers["range"], format!("bytes={cut}-"));
            assert!(again[1].headers["if-range"].starts_with('"'));
        }
    }
}

#[test]
fn many_cuts_in_a_row_get_there_as_long_as_each_brings_something() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), at("name=unet/weights.pb", 20, Fault::Cut(12_000)));
    let (pulled, said) = pull(folder.path(), Settings { retries: 2, ..hub.settings() });
    pulled.unwrap();
    assert_installed(folder.path());
    assert_eq!(retries(&said).len(), 20);
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), |request, before| {
        request.path.contains("name=unet/weights.pb").then_some(match before {
            0 => Fault::Cut(1000),
            _ => Fault::NoRange,
        })
    });
    pull(folder.path(), hub.settings()).0.unwrap();
    assert_installed(folder.path());
}

#[test]
fn a_range_that_was_not_asked_for_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), |request, before| match before {
        0 => request.path.contains("name=unet/weights.pb").then_some(Fault::Cut(1000)),
        1 => request.path.contains("name=unet/weights.pb").then_some(Fault::OtherRange),
        _ => None,
    });
    pull(folder.path(), hub.settings()).0.unwrap();
    assert_installed(folder.path());
}

#[test]
fn a_file_that_changed_meanwhile_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    // What comes first is of another file, under another tag: If-Range makes the server send the whole.
    let hub = Hub::failing(content(), |request, before| match before {
        0 if request.path.contains("name=unet/weights.pb") => Some(Fault::Changed),
        _ => None,
    });
    // Interrupted in it.
    let mut listen = |event| match event {
        Event::Progress { file, done, .. } if file == "unet/weights.pb" && done > 9000 => {
            std::ops::ControlFlow::Break(())
        }
        _ => std::ops::ControlFlow::Continue(()),
    };
    let watch = &mut shortform::models::Watch::new(&mut listen);
    super::catalog(folder.path()).pull("them/it", None, hub.settings(), watch).unwrap_err();
    let part = folder.path().join("models/.staging/it").join(COMMIT).join("unet/weights.pb.part");
    assert!(fs::metadata(part).unwrap().len() > 0);
    pull(folder.path(), hub.settings()).0.unwrap();
    assert_installed(folder.path());
    let asked = hub.asked();
    let again: Vec<_> =
        asked.iter().filter(|request| request.path.contains("name=unet/weights.pb")).collect();
    assert!(again.len() == 2 && again[1].headers.contains_key("if-range"), "{again:?}");
}

#[test]
fn a_part_left_by_whatever_else_is_found_out_and_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    let staged = folder.path().join("models/.staging/it").join(COMMIT).join("unet");
    fs::create_dir_all(&staged).unwrap();
    fs::write(staged.join("weights.pb.part"), [9; 500]).unwrap();
    fs::write(staged.join("model.onnx"), "not it").unwrap();
    let hub = Hub::new(content());
    pull(folder.path(), hub.settings()).0.unwrap();
    assert_installed(folder.path());
    // Gone on with, found wrong, fetched from its beginning.
    assert_eq!(hub.times("name=unet/weights.pb"), 2);
}

#[test]
fn what_may_pass_is_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        for place in ["/api/models/them/it/revision", "/tree/", "vocab.json", "name=unet/weights.pb"] {
            let folder = tempfile::tempdir().unwrap();
            let hub = Hub::failing(content(), at(place, 2, Fault::Status(status, Vec::new())));
            let (pulled, said) = pull(folder.path(), hub.settings());
            pulled.unwrap();
            assert_installed(folder.path());
            assert!(retries(&said).len() >= 2, "{status} {place}");
        }
    }
}

#[test]
fn a_server_that_goes_on_failing_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), at("name=unet/weights.pb", 99, Fault::Status(503, Vec::new())));
    let (pulled, _) = pull(folder.path(), Settings { retries: 3, ..hub.settings() });
    let error = pulled.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Unreachable { attempts: 4, .. })), "{error}");
    assert!(error.to_string().contains("503") && !error.to_string().contains("SIGNATURE"), "{error}");
    assert_not_installed(folder.path());
}

#[test]
fn a_wish_to_wait_is_obeyed() {
    let wait = |value: String| vec![("Retry-After", value)];
    let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
    for is_date in [false, true] {
        // A date has whole seconds only, and some time passes until it is read.
        let (value, least) = if is_date { (date(), 0.5) } else { ("1".to_owned(), 1.0) };
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at("vocab.json", 1, Fault::Status(429, wait(value.clone()))));
        let before = Instant::now();
        let (pulled, said) = pull(folder.path(), hub.settings());
        pulled.unwrap();
        assert!(retries(&said)[0] >= least && before.elapsed().as_secs_f64() >= least, "{value}: {said:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), at("vocab.json", 1, Fault::Status(429, wait("3600".into()))));
    let error = pull(folder.path(), hub.settings()).0.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Busy { .. })), "{error}");
    assert!(error.to_string().contains("3600 s") && error.to_string().contains("HF_TOKEN"), "{error}");
}

#[test]
fn a_wrong_digest_is_tried_once_more_and_then_refused() {
    for (path, word) in [("name=unet/weights.pb", "SHA-256"), ("vocab.json", "Git digest")] {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at(path, 1, Fault::Flipped));
        pull(folder.path(), hub.settings()).0.unwrap();
        assert_installed(folder.path());

        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at(path, 99, Fault::Flipped));
        let error = pull(folder.path(), hub.settings()).0.unwrap_err();
        assert!(matches!(error, Error::Hub(HubError::Differs { .. })), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(hub.times(path), 2);
        assert_not_installed(folder.path());
    }
}

#[test]
fn a_wrong_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), at("name=unet/weights.pb", 99, Fault::Shorter));
    let error = pull(folder.path(), hub.settings()).0.unwrap_err();
    assert!(error.to_string().contains("its size should be"), "{error}");
    assert_not_installed(folder.path());
}

#[test]
fn a_file_without_any_digest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut content = content();
    content.lies.insert("unet/weights.pb".into(), (300_008, "nonsense".into()));
    let error = pull(folder.path(), Hub::new(content).settings()).0.unwrap_err();
    assert!(error.to_string().contains("no digest"), "{error}");
    assert_not_installed(folder.path());
}

#[test]
fn a_server_that_says_nothing_is_left() {
    for (path, bytes) in [("/revision/", 0), ("name=unet/weights.pb", 70_000)] {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at(path, 1, Fault::Stall(bytes)));
        let before = Instant::now();
        let settings = Settings { timeout: Duration::from_millis(400), ..hub.settings() };
        let (pulled, said) = pull(folder.path(), settings);
        pulled.unwrap();
        assert_installed(folder.path());
        assert_eq!(retries(&said).len(), 1, "{said:?}");
        let told =
            |event: &Event| matches!(event, Event::Retried { reason, .. } if reason.contains("timed out"));
        assert!(said.iter().any(told), "{said:?}");
        assert!(before.elapsed() < Duration::from_secs(10));
    }
}

/// A timeout that begins anew with each byte would never be met.
#[test]
fn a_server_that_drips_is_left() {
    for path in ["/revision/", "/tree/", "name=unet/weights.pb"] {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at(path, 1, Fault::Drip));
        let before = Instant::now();
        let settings = Settings { timeout: Duration::from_millis(400), ..hub.settings() };
        let (pulled, said) = pull(folder.path(), settings);
        pulled.unwrap();
        assert_installed(folder.path());
        let told =
            |event: &Event| matches!(event, Event::Retried { reason, .. } if reason.contains("stalls"));
        assert!(said.iter().any(told), "{path}: {said:?}");
        assert!(before.elapsed() < Duration::from_secs(10), "{path}");
    }
    // For ever: it is given up, and what had come is kept.
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), at("name=unet/weights.pb", 99, Fault::Drip));
    let settings = Settings { timeout: Duration::from_millis(300), retries: 2, ..hub.settings() };
    let error = pull(folder.path(), settings).0.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Unreachable { attempts: 3, .. })), "{error}");
    assert!(error.to_string().contains("stalls"), "{error}");
}

#[test]
fn nobody_at_home_is_told_after_a_few_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = Settings { retries: 2, pause: Duration::from_millis(5), ..Settings::at(endpoint) };
    let error = pull(folder.path(), settings).0.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Unreachable { attempts: 3, .. })), "{error}");
}

#[test]
fn a_server_that_does_not_speak_tls_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let endpoint = hub.endpoint.replace("http://", "https://");
    let settings = Settings { retries: 1, pause: Duration::from_millis(5), ..Settings::at(endpoint) };
    let error = pull(folder.path(), settings).0.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Unreachable { .. })), "{error}");
    assert!(hub.asked().iter().all(|request| !request.path.contains("api")));
}

#[test]
fn gated_and_private_repositories_are_explained_and_the_token_goes_nowhere_else() {
    for status in [401, 403] {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::failing(content(), at("them/it", 99, Fault::Status(status, Vec::new())));
        let (pulled, said) = pull(folder.path(), hub.settings());
        let error = pulled.unwrap_err();
        assert!(matches!(error, Error::Hub(HubError::Refused { .. })), "{error}");
        assert!(error.to_string().contains("HF_TOKEN") && error.to_string().contains(&status.to_string()));
        assert!(retries(&said).is_empty(), "asking again does not help");

        let token = Some(Token::new("hf_canary"));
        let (pulled, said) = pull(folder.path(), Settings { token, ..hub.settings() });
        let told = format!("{} {said:?}", pulled.unwrap_err());
        assert!(told.contains("the token in HF_TOKEN does not give access") && !told.contains("hf_canary"));
    }

    // Large files lie on another server, which must not see the token.
    let folder = tempfile::tempdir().unwrap();
    let storage = Hub::new(content());
    let elsewhere = storage.endpoint.clone();
    let digest = super::hub::sha256(&content().files["unet/weights.pb"]);
    let hub = Hub::failing(content(), move |request, _| {
        let to = format!("{elsewhere}/storage/{digest}?Signature=SIGNATURE");
        request.path.contains("resolve").then_some(())?;
        request.path.ends_with("weights.pb").then_some(Fault::Redirect(to))
    });
    let settings = Settings { token: Some(Token::new("hf_canary")), ..hub.settings() };
    pull(folder.path(), settings).0.unwrap();
    assert_installed(folder.path());
    assert!(hub.asked().iter().all(|request| request.headers["authorization"] == "Bearer hf_canary"));
    assert_eq!(storage.asked().len(), 1);
    assert!(storage.asked().iter().all(|request| !request.headers.contains_key("authorization")));
}

#[test]
fn redirects_without_end_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), |request, _| {
        request.path.contains("weights.pb").then(|| Fault::Redirect(request.path.clone()))
    });
    let error = pull(folder.path(), hub.settings()).0.unwrap_err();
    assert!(error.to_string().contains("without end"), "{error}");
    assert_not_installed(folder.path());
}
