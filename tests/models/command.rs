//! The commands as users see them: what they print, how they end, what they never say.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use super::{
    hub::{Content, Fault, Hub},
    local::copy,
    names, onnx,
    pull::{assert_installed, assert_not_installed, content},
};

fn shortform(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("SHORTFORM_")
            || name.starts_with("HF_")
            || name.to_lowercase().ends_with("_proxy")
        {
            command.env_remove(name);
        }
    }
    command.args(["models"]).args(arguments.split_whitespace());
    command.env("SHORTFORM_MODELS_DIR", folder.join("models")).current_dir(folder).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs it, and it must end with `code`; both of its streams.
fn ends(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_model_comes_is_listed_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let run = |arguments: &str, code| {
        ends(shortform(folder.path(), arguments).env("HF_ENDPOINT", &hub.endpoint), code)
    };
    let said = run("pull them/it", 0);
    assert!(said.contains("it is installed") && said.contains("(mit)"), "{said}");
    assert_installed(folder.path());
    assert!(run("pull them/it", 0).contains("in exactly this state"));

    let said = run("list", 0);
    for expected in ["Stable Diffusion", "them/it@1234567", "mit", "pocket", "built in", "lcm-dreamshaper"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let said = run("list --json", 0);
    let lists: serde_json::Value = serde_json::from_str(&said).unwrap();
    let it = lists["installed"].as_array().unwrap().iter().find(|model| model["name"] == "it").unwrap();
    assert_eq!(
        it["bytes"].as_u64(),
        Some(
            names(&folder.path().join("models/it"))
                .iter()
                .map(|name| { folder.path().join("models/it").join(name).metadata().unwrap().len() })
                .sum()
        )
    );
    assert!(lists["catalog"].as_array().unwrap().iter().all(|offer| offer["installed"] == false));

    assert!(run("verify it --device cpu", 0).contains("7 files compared"));
    std::fs::write(folder.path().join("models/it/unet/config.json"), "{}").unwrap();
    assert!(run("verify", 8).contains("unet/config.json"));
    assert!(run("remove it", 2).contains("--yes"), "nobody can be asked");
    assert!(run("remove it --yes", 0).contains("is removed"));
    assert!(run("remove it --yes", 4).contains("no model `it`"));
    assert!(run("remove pocket --yes", 2).contains("built into"));
    assert_not_installed(folder.path());
}

#[test]
fn each_failure_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let run = |arguments: &str, endpoint: &str, code| {
        ends(shortform(folder.path(), arguments).env("HF_ENDPOINT", endpoint), code)
    };
    assert!(run("pull them/other", &hub.endpoint, 4).contains("no model `them/other`"));
    assert!(run("pull nonsense", &hub.endpoint, 4).contains("models list"));
    assert!(run("pull them/it --offline", &hub.endpoint, 5).contains("--offline"));
    assert!(run("pull them/it", "nonsense", 2).contains("HF_ENDPOINT"));
    assert!(run("pull them/it --retries 0 --timeout 1", "http://127.0.0.1:9", 5).contains("cannot fetch"));
    assert!(run("add nowhere", &hub.endpoint, 1).contains("nowhere"));
    assert!(run("verify nowhere", &hub.endpoint, 4).contains("no model"));
    run("polish it", &hub.endpoint, 2);
    let hostile = Hub::new(Content::default().large("unet/model.onnx", onnx::denoiser("../../x")));
    assert!(run("pull them/it", &hostile.endpoint, 3).contains("do not trust"));
    onnx::write_model(&folder.path().join("bad"), "/etc/passwd", 0.5);
    assert!(run("add bad", &hub.endpoint, 3).contains("same folder"));
    assert_not_installed(folder.path());
}

#[test]
fn the_token_is_sent_and_never_said() {
    let folder = tempfile::tempdir().unwrap();
    let gated = |request: &super::hub::Request, _| {
        let known = request.headers.get("authorization").is_some_and(|token| token == "Bearer hf_canary");
        let storage = request.path.starts_with("/storage");
        (!known && !storage).then(|| Fault::Status(401, Vec::new()))
    };
    let hub = Hub::failing(content(), gated);
    let mut command = shortform(folder.path(), "pull them/it");
    let told = ends(command.env("HF_ENDPOINT", &hub.endpoint), 5);
    assert!(told.contains("HF_TOKEN") && told.contains("accept the model's terms"), "{told}");
    for arguments in ["pull them/it -vv", "pull them/it --json --name second", "list", "verify"] {
        let mut command = shortform(folder.path(), arguments);
        let told = ends(command.env("HF_ENDPOINT", &hub.endpoint).env("HF_TOKEN", "hf_canary"), 0);
        assert!(!told.contains("hf_canary") && !told.contains("SIGNATURE"), "{told}");
    }
    for name in names(folder.path()) {
        let bytes = std::fs::read(folder.path().join(&name)).unwrap();
        assert!(!bytes.windows(9).any(|bytes| bytes == b"hf_canary"), "{name} holds the token");
    }
}

#[test]
fn the_usual_variables_name_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Hub::new(content());
    let mut command = shortform(folder.path(), "pull them/it");
    command.env("HF_ENDPOINT", "http://hub.invalid").env("http_proxy", &proxy.endpoint);
    ends(&mut command, 0);
    assert_installed(folder.path());
    assert!(proxy.asked().iter().all(|request| request.headers["host"] == "hub.invalid"));

    let asked = proxy.asked().len();
    let mut command = shortform(folder.path(), "pull them/it --retries 0");
    command.env("HF_ENDPOINT", "http://hub.invalid").env("http_proxy", &proxy.endpoint);
    ends(command.env("no_proxy", "hub.invalid"), 5);
    assert_eq!(proxy.asked().len(), asked);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_a_part_and_no_model() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::time::{Duration, Instant};

    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), |request, before| {
        (request.path.contains("name=unet/weights.pb") && before == 0).then_some(Fault::Stall(70_000))
    });
    let mut command = shortform(folder.path(), "pull them/it");
    command.env("HF_ENDPOINT", &hub.endpoint).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = command.spawn().unwrap();
    let part = folder.path().join("models/.staging/it").join(super::hub::COMMIT).join("unet/weights.pb.part");
    let begun = Instant::now();
    while part.metadata().map_or(0, |part| part.len()) < 70_000 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never gets there");
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = Instant::now();
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(130));
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(part.metadata().unwrap().len(), 70_000);
    assert_not_installed(folder.path());

    ends(shortform(folder.path(), "pull them/it").env("HF_ENDPOINT", &hub.endpoint), 0);
    assert_installed(folder.path());
    let last =
        hub.asked().into_iter().rfind(|request| request.path.contains("name=unet/weights.pb")).unwrap();
    assert_eq!(last.headers["range"], "bytes=70000-");
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_on_the_way_is_told_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let pull = shortform(folder.path(), "pull them/it");
    // No file may grow beyond a hundred blocks: what a full disk does, without one.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\""]);
    limited.arg(pull.get_program()).args(pull.get_args()).current_dir(folder.path()).stdin(Stdio::null());
    limited.env("SHORTFORM_MODELS_DIR", folder.path().join("models")).env("HF_ENDPOINT", &hub.endpoint);
    let told = ends(&mut limited, 1);
    assert!(told.contains("cannot write") && told.contains("weights.pb"), "{told}");
    assert_not_installed(folder.path());

    ends(shortform(folder.path(), "pull them/it").env("HF_ENDPOINT", &hub.endpoint), 0);
    assert_installed(folder.path());
    assert!(hub.asked().iter().any(|request| request.headers.contains_key("range")));
}

#[test]
fn only_the_parts_that_are_named_are_packed() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("models/little");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/pocket"), &model);
    let packed = || -> Vec<String> {
        let found = names(&model).into_iter().filter_map(|name| {
            let (_, packed) = name.strip_prefix(".stored/")?.split_once('/')?;
            packed.ends_with("/whole.json").then(|| packed.to_owned())
        });
        found.collect()
    };
    let run = |arguments: &str, code| ends(&mut shortform(folder.path(), arguments), code);

    let said = run("optimize little --part unett", 2);
    for expected in ["no part `unett`", "text_encoder, unet, vae_decoder, vae_encoder"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let said = run("optimize little --part unet", 0);
    assert!(said.contains("denoiser: ") && !said.contains("encoder"), "{said}");
    assert_eq!(packed(), ["unet/whole.json"]);
    let said = run("optimize little --part unet --part text_encoder --json", 0);
    assert!(said.contains("text encoder") && !said.contains("VAE"), "{said}");
    assert_eq!(packed(), ["text_encoder/whole.json", "unet/whole.json"]);
}
